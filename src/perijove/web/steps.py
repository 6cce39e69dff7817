"""The steps of a start in plain words, with the time that each took; and what happened."""

from dataclasses import dataclass
from datetime import datetime

from perijove.http.reader import Reader, noted
from perijove.http.sentences import told
from perijove.model.signal import Signal
from perijove.model.stage import Outcome, Stage, StepCode, StepShown, StepState
from perijove.web.held import DONE, beside

NAMES = {
    StepCode.REQUESTED: noted("Requested"),
    StepCode.QUEUED: noted("Waiting for its turn"),
    StepCode.PLACE: noted("Finding a machine"),
    StepCode.HOME: noted("Home folder"),
    StepCode.IMAGE: noted("Getting the image"),
    StepCode.STARTED: noted("JupyterLab starts"),
    StepCode.ANSWERS: noted("JupyterLab answers"),
    StepCode.READY: noted("Ready"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the list."""

    state: str
    name: str
    time: str
    words: str
    at: datetime | None
    """When it began, as far as this is known."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    at: datetime
    words: str


def steps_of(stage: Stage, who: Reader) -> list[Step]:
    """Return every step; beside it when it was asked for, or how long it took."""
    return [
        Step(
            state=step.state.value,
            name=who.say(NAMES[step.code]),
            time=_time(stage, n, who),
            words=_words(stage, step, who),
            at=step.at,
        )
        for n, step in enumerate(stage.steps)
    ]


def events_of(stage: Stage, who: Reader) -> list[Event]:
    """Return what happened, the newest first."""
    reached = [
        Event(step.at, told(f"progress.{step.code.value}", {}, who))
        for step in stage.steps
        if step.at
        and step.state is not StepState.TODO
        and not (step.code is StepCode.IMAGE and any(it.at for it in _of_image(stage)))
    ]
    seen = [
        Event(signal.at, told(signal.code, signal.params, who))
        for signal in stage.signals
        if signal.at
    ]
    if stage.ended and stage.server.reason:
        reason = stage.server.reason
        seen.append(Event(stage.server.since, told(reason.code, reason.params, who)))
    told_so_far = sorted([*reached, *seen], key=lambda each: each.at)  # equal ones stay in order
    return told_so_far[::-1]


def _of_image(stage: Stage) -> list[Signal]:
    """Return what the place says of the image, which says more than its step."""
    return [signal for signal in stage.signals if signal.code.startswith("image-")]


def _time(stage: Stage, n: int, who: Reader) -> str:
    step = stage.steps[n]
    if stage.outcome is Outcome.FAILED and step.at in {None, stage.server.since}:
        return ""  # only the end of such a start is known, not when its steps began
    if step.code is StepCode.REQUESTED:
        began = step.at or min((each.at for each in stage.steps if each.at), default=None)
        return who.clock(began) if began else ""
    if step.at is None or step.state is StepState.TODO or step.code is StepCode.READY:
        return ""
    later = next((each.at for each in stage.steps[n + 1 :] if each.at), None)
    until = later or (stage.server.since if stage.ended else who.now)
    return who.duration((until - step.at).total_seconds()) if until else ""


def _words(stage: Stage, step: StepShown, who: Reader) -> str:
    if step.code is StepCode.QUEUED and step.state is StepState.NOW:
        return told(stage.message.code, stage.message.params, who)
    if step.code is StepCode.READY and step.state is StepState.TODO:
        return who.say("This page then opens it.")
    if step.state is StepState.DONE:
        of_it = [it for it in stage.signals if it.code == DONE.get(step.code)]
        return told(of_it[-1].code, of_it[-1].params, who) if of_it else ""
    return beside(stage, who) if step.state is StepState.NOW else ""
