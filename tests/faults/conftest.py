"""What the faults did, as one table at the end."""

from typing import Any

from tests.support.load import TABLE

HEAD = ("fault", "requests", "lost", "twice", "longest s", "back after s")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what was measured."""
    for row in (HEAD, *TABLE) if TABLE else ():
        widths = (32, 9, 5, 6, 10, 12)
        terminalreporter.write_line("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)))
