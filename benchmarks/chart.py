"""A chart of bars, readable on light and on dark."""

from collections.abc import Mapping
from html import escape

WIDTH, ROW, LABEL = 640, 34, 190
STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1f2937}.t{font-weight:600}.b{fill:#94a3b8}.o{fill:#2563eb}"
    "@media(prefers-color-scheme:dark){text{fill:#e5e7eb}.b{fill:#64748b}.o{fill:#60a5fa}}"
)


def bars(title: str, values: Mapping[str, float]) -> str:
    """An SVG document with a bar a value; the longest fills the width."""
    longest, room = max(values.values()), WIDTH - LABEL - 70
    rows = [_bar(number, name, value, room * value / longest) for number, (name, value) in enumerate(values.items())]
    height = 40 + ROW * len(values)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}"><style>{STYLE}</style><text class="t" x="0" y="18">{escape(title)}</text>'
        f"{''.join(rows)}</svg>\n"
    )


def _bar(number: int, name: str, value: float, length: float) -> str:
    y = 36 + ROW * number
    ours = "o" if name == "fam-auth" else "b"
    return (
        f'<text x="0" y="{y + 16}">{escape(name)}</text>'
        f'<rect class="{ours}" x="{LABEL}" y="{y}" width="{length:.1f}" height="22" rx="3"/>'
        f'<text x="{LABEL + length + 8:.1f}" y="{y + 16}">{value:.2f}</text>'
    )
