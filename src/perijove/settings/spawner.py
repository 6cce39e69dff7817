"""`hub.config.Spawner`: the traits that do something here, and what is wrong with overrides."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import Field, field_validator

from perijove.core.group_overrides import GroupOverrideEntry
from perijove.kit.section import Traits
from perijove.model.amounts import LONGEST_START, memory, start_timeout
from perijove.model.errors import Refused
from perijove.settings import hooks
from perijove.settings.known import MISSPELT, traits
from perijove.settings.problem import Path, Place, Problem, dotted
from perijove.settings.walk import meant, place_of, said
from perijove.spawners.gpus import wanted

GROUP_OVERRIDES: Path = ("hub", "config", "Spawner", "group_overrides")
HONOURED = frozenset(
    {
        "cmd",
        "cpu_guarantee",
        "cpu_limit",
        "default_url",
        "environment",
        "extra_resource_guarantees",
        "extra_resource_limits",
        "mem_guarantee",
        "mem_limit",
        "pids_limit",
        "start_timeout",
    }
)
"""Overrides that do something on one machine."""
_ELSEWHERE = frozenset({"profile_list"})
"""Traits of JupyterHub that are keys of `singleuser`, and no overrides here."""
_MAPPINGS = {
    "common_labels", "container_security_context", "environment", "extra_annotations",
    "extra_container_config", "extra_labels", "extra_pod_config", "extra_resource_guarantees",
    "extra_resource_limits", "lifecycle_hooks", "node_selector", "pod_security_context",
    "storage_extra_annotations", "storage_extra_labels", "storage_selector",
}  # fmt: skip
_LISTS = {
    "image_pull_secrets", "node_affinity_preferred", "node_affinity_required",
    "storage_access_modes", "supplemental_gids", "tolerations",
}  # fmt: skip
_WHOLE = {"delete_grace_period", "fs_gid", "gid", "pids_limit", "uid"}
_TEXTS = {
    "default_url", "image", "image_pull_policy", "priority_class_name", "scheduler_name",
    "service_account", "storage_capacity", "storage_class", "working_dir",
}  # fmt: skip
_YES_OR_NO = {"allow_privilege_escalation", "automount_service_account_token", "privileged"}

OF_PODS = (
    HONOURED - {"pids_limit"} | _MAPPINGS | _LISTS | (_WHOLE - {"pids_limit"}) | _TEXTS | _YES_OR_NO
    | {"extra_containers", "init_containers", "storage_pvc_ensure", "volume_mounts", "volumes"}
)  # fmt: skip
"""Overrides that do something in a cluster."""


class SpawnerTraits(Traits):
    """`hub.config.Spawner`, and those of KubeSpawner and LocalProcessSpawner that are the same."""

    group_overrides: dict[str, GroupOverrideEntry] = Field(default={})
    """What the servers of the members of a group get, beneath their profile, in the order of the
    keys as texts."""

    @field_validator("group_overrides", mode="before")
    @classmethod
    def _data(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            raise ValueError(  # noqa: TRY004 - pydantic takes no other
                "must be a mapping of overrides, each with `groups` and `spawner_override`; Python"
                " code cannot stand here"
            )
        return given


def spelled(
    overrides: Mapping[str, GroupOverrideEntry], *, honour_misspelt: bool
) -> Mapping[str, GroupOverrideEntry]:
    """Return what `overrides` were meant to say, if misspellings are honoured."""
    if not honour_misspelt:
        return overrides
    return {
        key: it.model_copy(
            update={
                "spawner_override": {
                    MISSPELT.get(name, name): value for name, value in it.spawner_override.items()
                }
            }
        )
        for key, it in overrides.items()
    }


def problems(
    overrides: Mapping[str, GroupOverrideEntry], places: Mapping[Path, Place]
) -> Iterator[Problem]:
    """Yield what is no setting of a server, or has a value that none could have."""
    for key, entry in overrides.items():
        for name, value in entry.spawner_override.items():
            words, hint = _wrong(name, value)
            if words:
                path: Path = (*GROUP_OVERRIDES, key, "spawner_override", name)
                yield Problem(words, dotted(path), place_of(places, path), hint)


def problems_of_profiles(
    overrides: Iterator[tuple[Path, str, Any]], places: Mapping[Path, Place]
) -> Iterator[Problem]:
    """Yield what would keep a server of a profile from starting and from being stopped."""
    for path, name, value in overrides:
        if name == "start_timeout" and value is not None and not _fits(name, value):
            words = f"must be {_wanted(name)}; it is {said(value)}."
            yield Problem(words, dotted((*path, name)), place_of(places, (*path, name)))


def _wrong(name: str, value: Any) -> tuple[str, str]:
    """Return what is wrong, and what to do; no words: nothing is."""
    known = traits()["KubeSpawner"] | HONOURED | _ELSEWHERE
    if name.endswith(hooks.SUFFIX):
        return hooks.WORDS, hooks.instead(name)
    if name not in known:
        close = MISSPELT.get(name)
        hint = f"It is written `{close}`." if close else meant(name, known)
        return "is no setting of a server.", hint
    if value is None or _fits(name, value):
        return "", ""
    return f"must be {_wanted(name)}; it is {said(value)}.", ""


def _fits(name: str, value: Any) -> bool:
    for names, _, fits in _KINDS:
        if name in names:
            return fits(value)
    return True


def _wanted(name: str) -> str:
    return next(words for names, words, _ in _KINDS if name in names)


def _memory(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and (memory(value) or 0) >= 0
    except (Refused, AttributeError, TypeError):
        return False


def _cores(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and 0 <= float(value) < float("inf")
    except (TypeError, ValueError):
        return False


def _resources(value: Any) -> bool:
    try:
        return (
            isinstance(value, Mapping) and wanted({}, {"extra_resource_limits": value}) is not None
        )
    except Refused:
        return False


def _environment(value: Any) -> bool:
    return isinstance(value, Mapping) and not any(isinstance(it, list) for it in value.values())


def _command(value: Any) -> bool:
    parts = [value] if isinstance(value, str) else value
    return (
        isinstance(parts, list) and bool(parts) and all(isinstance(it, str) and it for it in parts)
    )


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


_KINDS: tuple[tuple[set[str], str, Callable[[Any], bool]], ...] = (
    ({"mem_limit", "mem_guarantee"}, "an amount of memory, as 512M or 2G", _memory),
    ({"cpu_limit", "cpu_guarantee"}, "a number of cores, as 0.5 or 2", _cores),
    (
        {"extra_resource_limits", "extra_resource_guarantees"},
        "a mapping of resources to amounts, whole numbers of GPUs",
        _resources,
    ),
    ({"environment"}, "a mapping of variables to texts", _environment),
    ({"cmd"}, "a command: one word, or a list of words", _command),
    (_MAPPINGS, "a mapping (key: value)", _is(dict)),
    (_LISTS, "a list (- item)", _is(list)),
    (
        {"start_timeout"},
        f"a whole number of seconds, from 1 to {LONGEST_START}",
        lambda value: start_timeout(value) is not None,
    ),
    (_WHOLE, "a whole number, without quotes", _is(int)),
    (_TEXTS, "a text; put it in quotes", _is(str)),
    (_YES_OR_NO, "true or false, without quotes", _is(bool)),
)
"""Which settings, what they must be, and whether a value is."""
