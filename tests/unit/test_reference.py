"""The reference is what the code says; UPDATE=1 writes it anew."""

import os
from pathlib import Path

import pytest

from perijove.api.metrics import GAUGES
from perijove.api.routes import ROUTES
from perijove.cli.reference import PAGES
from perijove.kit.timings import KINDS
from perijove.model.scope import SCOPES
from perijove.web.routes import PAGES as WEB

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_reference_is_up_to_date(name: str) -> None:
    page, text = REFERENCE / name, PAGES[name]()
    if os.environ.get("UPDATE"):
        page.write_text(text)
    assert page.exists(), "UPDATE=1 writes it"
    assert page.read_text() == text, "UPDATE=1 writes it anew; look at the difference"


def test_the_reference_lists_its_pages() -> None:
    listed = (REFERENCE / "README.md").read_text()
    assert all(f"({name})" in listed for name in PAGES)


def test_every_setting_and_command_is_explained() -> None:
    for page in (PAGES["settings.md"](), PAGES["cli.md"]()):
        rows = [line for line in page.splitlines() if line.startswith("| `")]
        assert len(rows) > 20
        assert [row for row in rows if row.endswith("|  |")] == []


def test_every_address_scope_and_metric_is_in_its_page() -> None:
    told = PAGES["rest-api.md"]()
    for row in ROUTES:
        assert f"\n## {row.method} {row.path or '('}" in told
    for visited in WEB:
        assert f"| {visited.method} | `{visited.path}` |" in told
    assert all(f"| `{name}` |" in PAGES["scopes.md"]() for name in SCOPES)
    assert all(f"| `{name}` |" in PAGES["metrics.md"]() for name in (*KINDS, *GAUGES))
