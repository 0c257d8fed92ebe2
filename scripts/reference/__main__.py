"""Writes the pages that are made from the code."""

from scripts.reference import DOCS, pages

for file, text in pages().items():
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    print(f"wrote {file.relative_to(DOCS.parent)}")
