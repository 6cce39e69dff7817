"""More memory: what to start a server with that ran out of it, if anything here has more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from perijove.core.options import UNLISTED, Profiles
from perijove.core.profiles import Overrides
from perijove.model.amounts import memory
from perijove.model.errors import Invalid, Refused
from perijove.model.server import Server

OUT_OF_MEMORY = "out-of-memory"
_SIZE = {"mem_limit", "mem_guarantee", "cpu_limit", "cpu_guarantee", "pids_limit"}
_PLACE = {"node_selector", "tolerations", "node_affinity_required", "node_affinity_preferred"}
"""Where a bigger one may have to run."""
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bigger:
    """The next start."""

    options: Options
    memory: int | None
    """Bytes; None: as much as there is."""


def ran_out(server: Server) -> bool:
    """Return whether `server` ended because it had too little memory."""
    return server.at_rest and server.reason is not None and server.reason.code == OUT_OF_MEMORY


def bigger(profiles: Profiles, server: Server) -> Bigger | None:
    """Return the least change that gives `server` more memory; None: there is none.

    That is another choice of one option; or another profile that differs in its size alone.
    """
    options = server.user_options
    of_group = profiles.by_group.changes(server.group_overrides)
    profiles = replace(profiles, memory=of_group.get("mem_limit", profiles.memory))
    try:
        now = profiles.resolve(options)
        usual = _memory(profiles, now)
        had = _had(server) or usual
    except (Invalid, Refused):
        return None
    if had is None or usual is None:  # nothing here has limited it
        return None
    found = [
        (_else(now, then), amount or inf, n, Bigger(candidate, amount))
        for n, (candidate, then, amount) in enumerate(_others(profiles, options))
        if amount is None or amount > had
    ]
    return min(found, key=lambda it: it[:3])[3] if found else None


def _others(
    profiles: Profiles, options: Options
) -> Iterator[tuple[Options, Overrides, int | None]]:
    """Yield what else could be chosen, what that changes, and its memory."""
    for candidate in _candidates(profiles, options):
        try:
            then = profiles.resolve(candidate)
            amount = _memory(profiles, then)
        except (Invalid, Refused):  # a choice that the settings spoil is none
            continue
        if candidate.get("profile") == options.get("profile") or not _else(
            profiles.resolve(options), then
        ):
            yield candidate, then, amount


def _candidates(profiles: Profiles, options: Options) -> Iterator[Options]:
    yield options  # its limit may have been raised since
    here = profiles.of(options)
    if here is None:
        return
    for option in here.options:
        unlisted = f"{option.key}--{UNLISTED}"
        others = {key: it for key, it in options.items() if key != unlisted}
        for choice in option.choices:
            yield {**others, option.key: choice.key}
    for profile in profiles.items:
        if profile is not here:
            keys = {option.key for option in profile.options}
            shared = {key: it for key, it in options.items() if key.partition("--")[0] in keys}
            yield {**shared, "profile": profile.slug}


def _had(server: Server) -> int | None:
    """Return what it had, as its place says."""
    limit = server.reason.params.get("limit") if server.reason else None
    return memory(limit)


def _memory(profiles: Profiles, overrides: Overrides) -> int | None:
    return memory(overrides.get("mem_limit", profiles.memory)) or None


def _else(now: Overrides, then: Overrides) -> bool:
    """Return whether more would be another than its size."""
    ignored = _SIZE | _PLACE
    return any(now.get(key) != then.get(key) for key in (now.keys() | then.keys()) - ignored)
