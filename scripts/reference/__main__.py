"""Writes the pages that are made from the code."""

from scripts.reference import DOCS, PAGES, made

for name in PAGES:
    (DOCS / name).parent.mkdir(exist_ok=True)
    (DOCS / name).write_text(made(name))
    print(f"wrote docs/{name}")
