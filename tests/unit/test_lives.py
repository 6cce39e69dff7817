"""For how long what lets people in is good, as the values say it."""

from datetime import timedelta

import pytest

from perijove.core.lives import Lives
from perijove.model.errors import Invalid
from perijove.settings import BadConfig, of

HOUR = timedelta(hours=1)


def told(**traits: object) -> Lives:
    return of({"hub": {"config": {"JupyterHub": traits}}}).hub.config.jupyterhub.lives


def test_unset_they_are_those_of_jupyterhub() -> None:
    fortnight = timedelta(days=14)
    assert told() == Lives(session=fortnight, client=fortnight, most=None)


def test_what_a_client_is_given_ends_with_the_sign_in_unless_the_values_say_when() -> None:
    assert told(cookie_max_age_days=0.5).client == timedelta(hours=12)
    assert told(cookie_max_age_days=2, oauth_token_expires_in=3600).client == HOUR
    assert told(cookie_max_age_days=2, oauth_token_expires_in=3600).session == timedelta(days=2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cookie_max_age_days": 0},
        {"cookie_max_age_days": -1},
        {"cookie_max_age_days": float("inf")},
        {"cookie_max_age_days": float("nan")},
        {"oauth_token_expires_in": 0},
        {"oauth_token_expires_in": True},
        {"oauth_require_pkce": "yes"},
        {"token_expires_in_max_seconds": -1},
        {"token_expires_in_max_seconds": 10**18},
    ],
    ids=str,
)
def test_a_time_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadConfig) as bad:
        told(**wrong)
    (problem,) = bad.value.problems
    assert next(iter(wrong)) in str(problem)


def test_without_a_limit_a_token_lives_as_long_as_was_asked_and_unasked_for_ever() -> None:
    assert Lives().token(None) is None
    assert Lives().token(10**9) == timedelta(seconds=10**9)


def test_with_one_it_lives_as_long_as_that_unless_it_is_to_live_less() -> None:
    lives = told(token_expires_in_max_seconds=3600)
    assert lives.token(None) == HOUR
    assert lives.token(3600) == HOUR
    assert lives.token(1) == timedelta(seconds=1)
    with pytest.raises(Invalid) as long:
        lives.token(3601)
    assert (long.value.code, long.value.params["seconds"]) == ("lives-too-long", 3600)
