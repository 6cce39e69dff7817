"""The GPUs of this machine, and whether there are as many as the configuration asks for."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from perijove.cli.doctor.finding import Finding, bad, good
from perijove.kit.merged import stacked
from perijove.model.device import Device, only
from perijove.model.errors import Refused
from perijove.settings import Settings
from perijove.spawners.gpus import find, wanted


def gpus(settings: Settings, root: Path = Path("/")) -> Finding:
    """Return which GPUs are seen, and whether nobody can ask for more; `root` holds /proc."""
    found = find(root)
    names = settings.gpus.only
    usable = only(found, None if names is None else [str(it) for it in names])
    there = Counter(it.resource for it in usable)
    for asks, base, overrides in _asked(settings):
        try:
            counts = wanted(base, overrides)
        except Refused as error:
            return bad("gpus", "gpus.bad-count", asks=asks, amount=str(error.params["amount"]))
        for resource, count in counts.items():
            if count > there[resource]:
                return bad(
                    "gpus", "gpus.too-few", asks=asks, wanted=str(count), resource=resource,
                    count=str(there[resource]), found=_words(found),
                )  # fmt: skip
    return good("gpus", found=_words(found)) if found else good("gpus", "gpus.none")


def _asked(settings: Settings) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield what can be asked for: where that is written, the traits of all, and its own."""
    extra = settings.singleuser.extra_resource
    base: Mapping[str, Any] = {
        "extra_resource_limits": extra.limits,
        "extra_resource_guarantees": extra.guarantees,
    }
    yield "singleuser.extraResource", base, {}
    for key, it in settings.group_overrides.items():
        yield f"`group_overrides.{key}`", base, it.spawner_override
    for profile in settings.profiles.items:
        yield f"`{profile.display_name}`", base, profile.overrides
        for option in profile.options:
            for choice in option.choices:
                whole = stacked(profile.overrides, choice.overrides)
                yield f"`{profile.display_name} · {choice.display_name}`", base, whole


def _words(found: tuple[Device, ...]) -> str:
    return ", ".join(f"{it.name} ({it.id})" for it in found) or "-"
