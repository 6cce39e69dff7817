"""Section: one part of the configuration, strict and frozen, with the keys of values.yaml."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """Keys are written inTheChartsWay; an unknown one is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True
    )


class Traits(BaseModel):
    """Keys are written_as_in_python, as traits and profiles are."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)
