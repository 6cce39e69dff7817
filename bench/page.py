"""The page of the reference that several benches write, each its own part."""

import os
import platform
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "performance.md"
_INTRO = """# Performance

Every part is written by the bench it names, from one run, and says on which machine.
"""


def put(heading: str, text: str, page: Path = PAGE) -> None:
    """Replace the part of the page below `heading`, or add one; the others stay as they are."""
    parts = _parts(page.read_text() if page.exists() else "")
    parts[heading] = f"\n{text.strip()}\n"
    told = [f"## {name}\n{parts[name]}" for name in sorted(parts)]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join([_INTRO, *told]))


def machine() -> str:
    """Return what the figures were taken on."""
    return f"{os.cpu_count()} shared processor cores ({platform.machine()})"


def figure(number: float) -> str:
    """Return a number with three digits, or all that stand before the point."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"  # noqa: PLR2004 - digits


def _parts(text: str) -> dict[str, str]:
    """Return what stands below each heading of the second level."""
    found: dict[str, str] = {}
    for piece in f"\n{text}".split("\n## ")[1:]:
        heading, _, rest = piece.partition("\n")
        found[heading] = rest.rstrip() + "\n"
    return found
