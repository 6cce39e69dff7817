"""Every trouble of a start that a cluster can tell of is provoked once, and told in words."""

from collections.abc import Callable, Iterator

import pytest

from perijove.http.cluster_sentences import ENGLISH
from tests.cluster.kit import borrowed
from tests.cluster.kubectl import Kubectl
from tests.cluster.own_hub import ADMINISTRATOR
from tests.cluster.provoked import NOT_HERE, TROUBLES
from tests.cluster.scene import LANGUAGES, Scene, scene
from tests.cluster.sentence import Sentence
from tests.cluster.troubles import Trouble


def each(*troubles: Trouble) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "trouble",
        [pytest.param(it, id=it.person, marks=[pytest.mark.smoke] * it.smoke) for it in troubles],
    )


@pytest.fixture(scope="module")
def here(
    whole_cluster: Kubectl,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """Every start begins that some test waits for, a dozen at a time."""
    if borrowed.kubeconfig() is not None:
        pytest.skip("a borrowed cluster: no node takes our registry, and nobody plays nodes")
    selected = [getattr(it, "callspec", None) for it in request.session.items]
    names = {it.params["trouble"].person for it in selected if it and "trouble" in it.params}
    wanted = [it for it in TROUBLES if it.person in names]
    with scene(tmp_path_factory.mktemp("scene"), whole_cluster, wanted) as it:
        yield it


@each(*TROUBLES)
def test_programs_are_told_in_time(
    here: Scene, trouble: Trouble, record_property: Callable[[str, object], None]
) -> None:
    told = here.told(trouble)
    record_property("seconds", round(told.seconds, 1))
    record_property("message", told.message)
    assert told.seconds < trouble.within
    assert told.failed is trouble.ends
    for words in trouble.says:
        assert here.filled(words) in told.message
    assert told.reason == (trouble.code if trouble.ends else None)
    assert any(map(Sentence.of(trouble.code, "zh").stands_in, told.in_chinese)), told.in_chinese


@each(*(it for it in TROUBLES if it.page))
def test_people_and_administrators_read_it_in_both_languages(here: Scene, trouble: Trouble) -> None:
    pages = here.told(trouble).pages
    for language in LANGUAGES:
        page = pages[trouble.person, language]
        assert Sentence.of(trouble.code, language).stands_in(page), page
        assert Sentence.next(trouble.code, language).stands_in(page), page
        page = pages[ADMINISTRATOR, language]
        assert Sentence.of(trouble.code, language).stands_in(page), page
        assert Sentence.administrator(trouble.code, language).stands_in(page), page
        assert trouble.why in page


def test_every_code_is_provoked_or_named() -> None:
    provoked = {it.code for it in TROUBLES}
    assert set(ENGLISH) <= provoked | set(NOT_HERE)
    assert not provoked & set(NOT_HERE)
