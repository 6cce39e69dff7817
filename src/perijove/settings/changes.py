"""Two configurations -> which keys differ, when each takes effect, and what to go by meanwhile."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from perijove.core.reload import Change, Effect
from perijove.settings.meaning import shown
from perijove.settings.problem import Path, dotted
from perijove.settings.sections import Settings

_AFTER_A_RESTART: tuple[Path, ...] = (
    ("hub", "baseUrl"),
    ("hub", "db"),
    ("hub", "port"),
    ("hub", "instance"),
    ("hub", "orphans"),
    ("hub", "config", "JupyterHub", "authenticator_class"),
    *(
        ("hub", "config", "JupyterHub", name)
        for name in ("public_url", "subdomain_host", "subdomain_hook", "cookie_host_prefix_enabled")
    ),
    ("hub", "config", "JupyterHub", "tornado_settings", "cookie_options"),
    ("hub", "config", "JupyterHub", "authenticate_prometheus"),
    ("hub", "config", "JupyterHub", "api_page_default_limit"),
    ("hub", "config", "JupyterHub", "api_page_max_limit"),
    ("hub", "config", "JupyterHub", "last_activity_interval"),
    ("hub", "config", "JupyterHub", "proxy_check_interval"),
    ("hub", "config", "ConfigurableHTTPProxy"),
    ("proxy",),
    ("systemUsers",),
    ("place",),
    ("singleuser", "storage"),
    ("singleuser", "podNameTemplate"),
)
"""What sockets, addresses, names and files that exist already depend on."""
_AT_THE_NEXT_START: tuple[Path, ...] = (
    ("gpus",),
    ("singleuser",),
    ("scheduling",),
    ("imagePullSecrets",),
    ("compat",),
    ("hub", "config", "Spawner"),
)
_NOW_OF_THEM: tuple[Path, ...] = (("singleuser", "startTimeout"),)
_MISSING = object()

M = TypeVar("M", bound=BaseModel)


def changes(before: Settings, after: Settings) -> tuple[Change, ...]:
    """Return the keys that differ, in the order of the sections. Secrets are not shown."""
    old, new = before.model_dump(by_alias=True), after.model_dump(by_alias=True)
    shown_old, shown_new = shown(before), shown(after)
    return tuple(
        Change(
            key=dotted(path),
            before=_at(shown_old, path),
            after=_at(shown_new, path),
            effect=_effect(path),
        )
        for path in _differing(old, new, ())
    )


def meanwhile(before: Settings, after: Settings) -> Settings:
    """Return `after`, with what needs a restart as it was `before`."""
    kept = after
    for path in _AFTER_A_RESTART:
        kept = _kept(before, kept, path)
    # A copy would remember what `after` has worked out.
    return Settings(**{name: getattr(kept, name) for name in Settings.model_fields})


def _differing(old: Any, new: Any, path: Path) -> Iterator[Path]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differing(old.get(key, _MISSING), new.get(key, _MISSING), (*path, key))
    elif isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        for at, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differing(one, other, (*path, at))
    else:
        yield path


def _effect(path: Path) -> Effect:
    if _below(path, _AFTER_A_RESTART):
        return Effect.RESTART
    if _below(path, _AT_THE_NEXT_START) and not _below(path, _NOW_OF_THEM):
        return Effect.NEXT_START
    return Effect.NOW


def _below(path: Path, among: tuple[Path, ...]) -> bool:
    return any(path[: len(each)] == each for each in among)


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        if isinstance(tree, Mapping):
            tree = tree.get(key)
        else:
            tree = tree[key] if isinstance(tree, list) and isinstance(key, int) else tree
    return tree


def _kept(before: M, after: M, path: Path) -> M:
    """Return `after`, with the key at `path` as it is in `before`."""
    key, *rest = path
    name = next(
        each for each, info in type(after).model_fields.items() if key in {each, info.alias}
    )
    value = getattr(before, name)
    if rest:
        value = _kept(value, getattr(after, name), tuple(rest))
    return after.model_copy(update={name: value})
