"""Profiles: what a person may choose when a server starts, as `singleuser.profileList` has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, model_validator

from perijove.kit.section import Traits
from perijove.kit.slugs import slug

Overrides = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice of an option."""

    key: str
    display_name: str
    default: bool = False
    overrides: Overrides = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """A choice that the person writes themselves."""

    display_name: str = ""
    display_name_in_choices: str = ""
    validation_regex: str = ""
    """Matched at the beginning, as re.match does: who wants the end writes `$`."""
    validation_message: str = ""
    overrides: Overrides = field(default_factory=dict[str, Any])
    """`{value}` in a text stands for what was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One question that a profile asks."""

    key: str
    display_name: str
    choices: tuple[Choice, ...] = ()
    unlisted: Unlisted | None = None

    @property
    def chosen(self) -> Choice | None:
        """Return the choice that is made for whoever makes none."""
        default = (choice for choice in self.choices if choice.default)
        return next(default, self.choices[0] if self.choices else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One card of the start page."""

    slug: str
    display_name: str
    description: str = ""
    default: bool = False
    overrides: Overrides = field(default_factory=dict[str, Any])
    options: tuple[Option, ...] = ()


class ChoiceEntry(Traits):
    """`profile_options.<option>.choices.<choice>`."""

    display_name: str = ""
    """What people read; its key if unset."""
    default: bool = False
    """Taken when a start says nothing; the first one if none is."""
    kubespawner_override: dict[str, Any] = Field(default={})
    """What a server with this choice gets instead."""


class UnlistedEntry(Traits):
    """`profile_options.<option>.unlisted_choice`."""

    enabled: bool = False
    """People may write a choice of their own."""
    display_name: str = ""
    """What the field is called."""
    display_name_in_choices: str = ""
    """What it is called among the choices; unset: Other…"""
    validation_regex: str = ""
    """What they write must match it from its beginning; `$` asks for the end."""
    validation_message: str = ""
    """What people are told when it does not match."""
    kubespawner_override: dict[str, Any] = Field(default={})
    """What a server gets; `{value}` is what they wrote."""


class OptionEntry(Traits):
    """`profile_options.<option>`."""

    display_name: str = ""
    """The question that people read; its key if unset."""
    choices: dict[str, ChoiceEntry] = Field(default={})
    unlisted_choice: UnlistedEntry | None = None


class ProfileEntry(Traits):
    """One item of `singleuser.profileList`."""

    display_name: str
    """What people read on the card."""
    slug: str = ""
    """What programs call it; made of the display name if it is missing."""
    description: str = ""
    """What people read below its name."""
    default: bool = False
    """Taken when a start names no profile; the first one if none is."""
    kubespawner_override: dict[str, Any] = Field(default={})
    """What a server with this profile gets instead."""
    profile_options: dict[str, OptionEntry] = Field(default={})

    @model_validator(mode="after")
    def _named(self) -> "ProfileEntry":
        if not self.display_name.strip():
            raise ValueError("a profile needs a display_name that people can read")
        return self


def profiles(entries: Sequence[ProfileEntry]) -> tuple[Profile, ...]:
    """Return what `entries` say; exactly one is the default if there are any."""
    default = next((entry for entry in entries if entry.default), entries[0] if entries else None)
    return tuple(
        Profile(
            slug=slug_of(entry),
            display_name=entry.display_name,
            description=entry.description,
            default=entry is default,
            overrides=entry.kubespawner_override,
            options=tuple(_option(key, it) for key, it in entry.profile_options.items()),
        )
        for entry in entries
    )


def slug_of(entry: ProfileEntry) -> str:
    """Return what programs call the profile."""
    return entry.slug or slug("-".join(entry.display_name.lower().split()))


def _option(key: str, entry: OptionEntry) -> Option:
    unlisted = entry.unlisted_choice
    return Option(
        key=key,
        display_name=entry.display_name or key,
        choices=tuple(
            Choice(
                key=name,
                display_name=choice.display_name or name,
                default=choice.default,
                overrides=choice.kubespawner_override,
            )
            for name, choice in entry.choices.items()
        ),
        unlisted=Unlisted(
            display_name=unlisted.display_name,
            display_name_in_choices=unlisted.display_name_in_choices,
            validation_regex=unlisted.validation_regex,
            validation_message=unlisted.validation_message,
            overrides=unlisted.kubespawner_override,
        )
        if unlisted and unlisted.enabled
        else None,
    )
