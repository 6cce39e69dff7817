"""Profiles and their options: what a start page offers, and what it was answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perijove.core import Hub
from perijove.core.options import UNLISTED, Profiles
from perijove.core.profiles import Option, Profile
from perijove.http.asked import Fields
from perijove.http.reader import Reader


@dataclass(frozen=True, slots=True)
class Pill:
    """One choice of an option."""

    key: str
    name: str
    chosen: bool
    unlisted: bool = False


@dataclass(frozen=True, slots=True)
class Free:
    """The field for a choice that is not in the list."""

    field: str
    name: str
    value: str
    hint: str
    error: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One option of a profile."""

    name: str
    field: str
    choices: list[Pill]
    unlisted: Free | None


@dataclass(frozen=True, slots=True)
class ProfileCard:
    """One profile."""

    slug: str
    name: str
    description: str
    chosen: bool
    last: bool
    options: list[Offer]


def offered(
    profiles: Profiles,
    last: Mapping[str, Any],
    reader: Reader,
    error: str = "",
    *,
    again: bool = True,
) -> list[ProfileCard]:
    """Return every profile, with the choices of `last` filled in.

    `again`: those are of a start, not of an answer that was refused.
    """
    chosen = profiles.of(last)
    return [
        ProfileCard(
            slug=profile.slug,
            name=profile.display_name,
            description=profile.description,
            chosen=profile is chosen,
            last=again and profile is chosen and bool(last),
            options=[
                _offer(profile, option, last if profile is chosen else {}, reader, error)
                for option in profile.options
            ],
        )
        for profile in profiles.items
    ]


def still_there(profiles: Profiles, last: Mapping[str, Any]) -> dict[str, Any]:
    """Return those choices of `last` that can be made again: profiles come and go."""
    profile = profiles.of(last)
    if profile is None:
        return {}
    kept = {key: last[key] for key in ("profile",) if key in last}
    for option in profile.options:
        free, key = f"{option.key}--{UNLISTED}", last.get(option.key)
        if option.unlisted and (key == UNLISTED or (key is None and free in last)):
            kept |= {option.key: UNLISTED, free: last.get(free, "")}
        elif any(choice.key == key for choice in option.choices):
            kept[option.key] = key
    return kept


def answered(hub: Hub, form: Fields) -> dict[str, Any]:
    """Return the user_options that a start page was answered with."""
    slug = form.get("profile", [""])[0]
    profile = next((each for each in hub.profiles.items if each.slug == slug), None)
    if profile is None:
        return {"profile": slug} if slug else {}
    options: dict[str, Any] = {"profile": slug}
    for option in profile.options:
        field = _field(profile, option)
        choice = form.get(field, [""])[0]
        if choice:
            options[option.key] = choice
        if choice == UNLISTED:
            options[f"{option.key}--{UNLISTED}"] = form.get(f"{field}--{UNLISTED}", [""])[0].strip()
    return options


def about(hub: Hub, options: Mapping[str, Any]) -> str:
    """Return in words what a server is, or would be, started with: Data science · 2 cores."""
    profile = hub.profiles.of(options)
    if profile is None:
        return ""
    words = [profile.display_name]
    for option in profile.options:
        free = str(options.get(f"{option.key}--{UNLISTED}", ""))
        key = options.get(option.key)
        chosen = next((each for each in option.choices if each.key == key), None)
        if key == UNLISTED and free:
            words.append(free)
        elif chosen:
            words.append(chosen.display_name)
    return " · ".join(words)


def _offer(
    profile: Profile, option: Option, last: Mapping[str, Any], reader: Reader, error: str
) -> Offer:
    field, key = _field(profile, option), last.get(option.key)
    listed = any(choice.key == key for choice in option.choices)
    free = key == UNLISTED and option.unlisted is not None
    usual = option.chosen.key if option.chosen else None
    wanted = key if listed or free else usual
    pills = [Pill(each.key, each.display_name, each.key == wanted) for each in option.choices]
    if option.unlisted is None:
        return Offer(option.display_name, field, pills, None)
    other = option.unlisted.display_name_in_choices or reader.say("Other…")
    pills.append(Pill(UNLISTED, other, wanted in {UNLISTED, None}, unlisted=True))
    value = str(last.get(f"{option.key}--{UNLISTED}", ""))
    name = option.unlisted.display_name or other
    return Offer(
        option.display_name,
        field,
        pills,
        Free(f"{field}--{UNLISTED}", name, value, "", error if free else ""),
    )


def _field(profile: Profile, option: Option) -> str:
    return f"profile-option-{profile.slug}--{option.key}"
