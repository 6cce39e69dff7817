"""What the benches write of what they measured."""

from pathlib import Path

from bench.page import put
from bench.proxy.measure import LOOKS
from bench.proxy.report import LINES, rows


def test_each_bench_replaces_its_own_part_of_the_page_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    put("The hub", "one\n\n### Where the time goes\n\ntwo", page)
    put("The proxy", "three", page)
    once = page.read_text()
    put("The hub", "one\n\n### Where the time goes\n\ntwo", page)
    assert page.read_text() == once, "the same part again changes nothing"
    put("The proxy", "four", page)
    text = page.read_text()
    assert text.startswith("# Performance\n")
    assert text.index("## The hub") < text.index("two") < text.index("## The proxy\n\nfour\n")
    assert "three" not in text


def test_a_goal_is_met_only_where_all_of_it_is() -> None:
    def met(ours: float, chp: float, nginx: float) -> bool:
        found = {"Perijove": {"keep-alive": [99.0, ours]}, "CHP": {"keep-alive": [chp, 999.0]},
                 "nginx": {"keep-alive": [nginx]}}  # fmt: skip
        return rows(found, LOOKS)[0].met

    assert met(29, 150, 18)
    assert not met(31, 200, 20)
    assert not met(29, 140, 18), "five times less than configurable-http-proxy"
    assert not met(29, 150, 17), "1.7 times nginx"


def test_every_figure_has_a_look_that_finds_it() -> None:
    assert {line.of or line.name for line in LINES} == {look.name for look in LOOKS}
