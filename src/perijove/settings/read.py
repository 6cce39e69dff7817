"""A file and the environment -> settings, what is wrong with them, and what is worth knowing."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError

from perijove.model.errors import Invalid
from perijove.settings import parse, spawner
from perijove.settings.environment import override
from perijove.settings.known import MISPLACED, MOVED
from perijove.settings.notices import notices, of_profiles
from perijove.settings.pod_keys import of_boxes, of_pods, of_the_chart
from perijove.settings.problem import BadConfig, Path, Place, Problem, dotted
from perijove.settings.sections import Settings
from perijove.settings.walk import Walk, meant, place_of
from perijove.settings.words import words_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of reading a configuration."""

    settings: Settings | None
    """None: it has problems."""
    problems: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()
    idle: tuple[str, ...] = ()
    """Keys that have no effect here."""
    places: Mapping[Path, Place] = field(default_factory=dict[Path, Place])

    def required(self) -> Settings:
        """Return the settings.

        Raises:
            BadConfig: with every problem.
        """
        if self.settings is None:
            raise BadConfig(self.problems)
        return self.settings


def read(file: File | None, environment: Mapping[str, str], *, cluster: bool = False) -> Reading:
    """Return what `file` and the environment say; None is no file.

    `cluster`: servers are pods, so what only those have is no key without effect.
    """
    parsed = parse.read(file) if file else parse.Parsed()
    if parsed.problems and not parsed.tree:
        return Reading(settings=None, problems=tuple(parsed.problems))
    return _settled(parsed, environment, cluster=cluster)


def read_tree(
    tree: Mapping[str, Any], environment: Mapping[str, str], *, cluster: bool = False
) -> Reading:
    """Return what a tree says that is no file; it is not changed."""
    return _settled(parse.Parsed(tree=deepcopy(dict(tree))), environment, cluster=cluster)


def _settled(parsed: parse.Parsed, environment: Mapping[str, str], *, cluster: bool) -> Reading:
    tree, places, problems = parsed.tree, parsed.places, parsed.problems
    problems += override(tree, places, Settings, environment)
    _move(tree, places, MOVED)
    misplaced = tuple(
        Problem(f"is taken for `{dotted(target)}`, where it belongs.", key, place)
        for key, target, place in _move(tree, places, MISPLACED)
    )
    walk = Walk(places)
    known = walk.known(tree, Settings)
    problems += walk.problems
    settings = _validated(known, places, problems)
    order = sorted(problems, key=_order)
    if settings is None or order:
        return Reading(settings=None, problems=tuple(order), places=places)
    return Reading(
        settings=settings,
        notices=(*misplaced, *notices(settings, places, cluster=cluster)),
        idle=tuple(map(dotted, _idle(walk, known, cluster=cluster))),
        places=places,
    )


def _idle(walk: Walk, known: Mapping[str, Any], *, cluster: bool) -> list[Path]:
    """Return the keys that have no effect on one machine, or in a cluster."""
    if cluster:
        idle = (path for path in walk.idle if not of_the_chart(path))
        return [*idle, *of_boxes(known)]
    return [*walk.idle, *of_pods(known)]


def _validated(
    known: dict[str, Any], places: Mapping[Path, Place], problems: list[Problem]
) -> Settings | None:
    # As JSON: a list is then a tuple or a set, and a text an enum, while the rest stays strict.
    try:
        settings = Settings.model_validate_json(json.dumps(known, default=str))
        _ = settings.sign_in, settings.roles, settings.declared, settings.services
    except ValidationError as error:
        problems += words_for(error, known, places)
    except Invalid as error:
        problems.append(_refused(error, known, places))
    else:
        problems += [
            *_patterns(settings, places),
            *_slugs(settings, places),
            *spawner.problems(settings.group_overrides, places),
            *spawner.problems_of_profiles(of_profiles(settings), places),
        ]
        return settings
    return None


def _refused(error: Invalid, known: Mapping[str, Any], places: Mapping[Path, Place]) -> Problem:
    """Return what is wrong with roles, groups or people."""
    said = {key: str(it) for key, it in error.params.items()}
    key: Path = ("hub", "loadRoles", said.get("role", ""))
    words = "has no good name, or changes what the role `admin` is."
    if error.code == "bad-scope":
        words = f"there is no scope {said['scope']!r}; custom_scopes makes some."
        if "service" in said:
            key = (*_service(known, said["service"]), "oauth_client_allowed_scopes")
    elif error.code == "no-such-role":
        key = _naming(known, said["role"])
        words = f"there is no role {said['role']!r}; hub.loadRoles makes roles."
    elif "group" in said:
        key = ("people", "groups", said["group"])
        words = f"no group may be called {said['group']!r}."
    return Problem(words, dotted(key), place_of(places, key))


def _naming(known: Mapping[str, Any], role: str) -> Path:
    """Return the key under `people` or `hub.services` that gives somebody the role."""
    for path, service in _services(known):
        if role in (service.get("oauth_roles") or ()):
            return *path, "oauth_roles"
    people = known.get("people") or {}
    for kind in ("users", "groups"):
        for name, entry in (people.get(kind) or {}).items():
            if role in ((entry or {}).get("roles") or ()):
                return "people", kind, name, "roles"
    return ("people",)


def _service(known: Mapping[str, Any], name: str) -> Path:
    """Return the key of the service that the API calls `name`."""
    found = (path for path, it in _services(known) if (it.get("name") or path[-1]) == name)
    return next(found, ("hub", "services"))


def _services(known: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield every service as it is written, and its key."""
    hub = known.get("hub") or {}
    for name, it in (hub.get("services") or {}).items():
        yield ("hub", "services", name), it or {}
    traits = (hub.get("config") or {}).get("JupyterHub") or {}
    for at, it in enumerate(traits.get("services") or ()):
        yield ("hub", "config", "JupyterHub", "services", at), it


def _patterns(settings: Settings, places: Mapping[Path, Place]) -> list[Problem]:
    """Return the regular expressions of profiles that are none."""
    found = []
    for at, entry in enumerate(settings.singleuser.profile_list):
        for key, option in entry.profile_options.items():
            pattern = option.unlisted_choice.validation_regex if option.unlisted_choice else ""
            try:
                re.compile(pattern)
            except re.error as error:
                path: Path = ("singleuser", "profileList", at, "profile_options", key)
                path = (*path, "unlisted_choice", "validation_regex")
                words = f"is no regular expression: {error}."
                found.append(Problem(words, dotted(path), place_of(places, path)))
    return found


def _slugs(settings: Settings, places: Mapping[Path, Place]) -> Iterator[Problem]:
    """Yield profiles of groups that there are not."""
    known = {profile.slug for profile in settings.profiles.items}
    for name, group in settings.people.groups.items():
        for slug in sorted(group.profiles - known):
            path: Path = ("people", "groups", name, "profiles")
            words = f"names the profile {slug!r}, which singleuser.profileList does not have."
            yield Problem(words, dotted(path), place_of(places, path), meant(slug, known))


def _move(
    tree: dict[str, Any], places: dict[Path, Place], targets: Mapping[str, tuple[str, ...]]
) -> list[tuple[str, tuple[str, ...], Place | None]]:
    """Put what is written at one key where its target is; return what was, and where it stood."""
    moved = []
    for key, target in targets.items():
        path = tuple(key.split("."))
        branch: Any = tree
        for part in path[:-1]:
            branch = branch.get(part) if isinstance(branch, dict) else None
        if not isinstance(branch, dict) or path[-1] not in branch:
            continue
        value = branch.pop(path[-1])
        _put(tree, target, value)
        moved.append((key, target, place_of(places, path)))
        for place in [each for each in places if each[: len(path)] == path]:
            places[(*target, *place[len(path) :])] = places.pop(place)
    return moved


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        inner = tree.get(part)
        if not isinstance(inner, dict):
            inner = tree[part] = {}
        tree = inner
    tree[path[-1]] = value


def _order(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.source, place.line or 0, place.column or 0) if place else ("", 0, 0)
