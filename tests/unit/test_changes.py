"""Two configurations: what differs, when it takes effect, and what stays until a restart."""

from typing import Any

import pytest

from perijove.core.reload import Effect
from perijove.settings import Settings, of
from perijove.settings.changes import changes, meanwhile
from perijove.settings.meaning import meanings

PROFILES = [{"display_name": "Large", "kubespawner_override": {"mem_limit": "2G"}}]


def told(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any, Effect]]:
    return [(it.key, it.before, it.after, it.effect) for it in changes(of(before), of(after))]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (
            {"cull": {"timeout": 60}},
            {"cull": {"timeout": 90}},
            ("cull.timeout", 60, 90, Effect.NOW),
        ),
        (
            {},
            {"singleuser": {"memory": {"limit": "1G"}}},
            ("singleuser.memory.limit", None, "1G", Effect.NEXT_START),
        ),
        (
            {"singleuser": {"startTimeout": 60}},
            {},
            ("singleuser.startTimeout", 60, 300, Effect.NOW),
        ),
        (
            {},
            {"hub": {"baseUrl": "/lab/"}},
            ("hub.baseUrl", "/", "/lab/", Effect.RESTART),
        ),
        (
            {},
            {"hub": {"config": {"JupyterHub": {"authenticator_class": "dummy"}}}},
            ("hub.config.JupyterHub.authenticator_class", "local", "dummy", Effect.RESTART),
        ),
        (
            {"singleuser": {"profileList": PROFILES}},
            {"singleuser": {"profileList": [{**PROFILES[0], "kubespawner_override": {}}]}},
            (
                "singleuser.profileList[0].kubespawner_override.mem_limit",
                "2G",
                None,
                Effect.NEXT_START,
            ),
        ),
        (
            {},
            {"people": {"users": {"ada": {"admin": True}}}},
            ("people.users.ada", None, None, Effect.NOW),
        ),
    ],
)
def test_one_key_that_differs(
    before: dict[str, Any], after: dict[str, Any], change: tuple[Any, ...]
) -> None:
    (found,) = told(before, after)
    if change[0] == "people.users.ada":
        assert found[0] == change[0]
        assert found[2]["admin"] is True
        assert found[3] is Effect.NOW
    else:
        assert found == change


def test_what_is_written_otherwise_and_means_the_same_is_no_change() -> None:
    one = {"hub": {"config": {"Authenticator": {"allowed_users": ["a", "b", "c"]}}}}
    other = {"hub": {"config": {"Authenticator": {"allowed_users": ["c", "b", "a"]}}}}
    assert told(one, other) == []
    assert told({}, {"hub": {"baseUrl": "/"}, "cull": {"enabled": True}}) == []


def test_no_secret_is_shown() -> None:
    def service(token: str) -> dict[str, Any]:
        return {"hub": {"services": {"cull": {"apiToken": token}}}}

    (found,) = told(service("first-secret"), service("second-secret"))
    assert found == ("hub.services.cull.api_token", "(secret)", "(secret)", Effect.NOW)


def test_what_needs_a_restart_is_as_before_until_then() -> None:
    before = of({"hub": {"baseUrl": "/a/"}, "proxy": {"port": 8000}})
    config = {"JupyterHub": {"authenticator_class": "dummy"}}
    after = of({"hub": {"baseUrl": "/b/", "config": config}, "cull": {"timeout": 7}})
    kept = meanwhile(before, after)
    assert (kept.hub.base_url, kept.proxy.port, kept.cull.timeout) == ("/a/", 8000, 7)
    assert (before.sign_in.name, kept.sign_in.name, after.sign_in.name) == (
        "local", "local", "dummy",
    )  # fmt: skip
    left = {it.key: it.effect for it in changes(kept, after)}
    assert set(left.values()) == {Effect.RESTART}
    assert changes(meanwhile(kept, after), after) == changes(kept, after)


def test_every_key_that_needs_a_restart_exists() -> None:
    from perijove.settings.changes import _AFTER_A_RESTART, _AT_THE_NEXT_START  # noqa: PLC0415

    known = [it.key for it in meanings()]
    for path in (*_AFTER_A_RESTART, *_AT_THE_NEXT_START):
        key = ".".join(map(str, path))
        assert any(it == key or it.startswith((f"{key}.", f"{key}[")) for it in known), key
        meanwhile(Settings(), Settings())
