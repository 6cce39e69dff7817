"""Stage: how far the start of a server has come, as data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from perijove.model.server import Server
from perijove.model.signal import Signal


class StepCode(StrEnum):
    """The steps of a start, in order; each has a sentence of its own."""

    REQUESTED = "requested"
    QUEUED = "queued"  # only shown while, or if, it waits
    PLACE = "place"  # on a cluster
    HOME = "home"
    IMAGE = "image"  # on a cluster
    STARTED = "started"
    ANSWERS = "answers"
    READY = "ready"


class StepState(StrEnum):
    """Where one step is."""

    DONE = "done"
    NOW = "now"
    TODO = "todo"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShown:
    """One line of the progress page."""

    code: StepCode
    state: StepState
    at: datetime | None = None
    """When it began, as far as this replica knows."""


class Outcome(StrEnum):
    """How a start is going, or has gone."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How far it is at one moment: the row, and what this replica last saw of the workload."""

    server: Server
    outcome: Outcome
    percent: int
    message: Signal
    """What to say now: `progress.<step>`, `queue.start`, or why it has failed."""
    steps: tuple[StepShown, ...]
    signals: tuple[Signal, ...] = ()
    """What the place where it runs says of this start, oldest first."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen in this start."""
        return self.outcome is not Outcome.STARTING
