"""What the place where a server runs says of its start: what holds it up, and word for word."""

from dataclasses import dataclass
from datetime import timedelta

from perijove.http.reader import Reader
from perijove.http.sentences import administrator, next_step, told
from perijove.model.signal import Signal
from perijove.model.stage import Stage, StepCode, StepState

DONE = {StepCode.PLACE: "scheduled", StepCode.HOME: "volume-made", StepCode.IMAGE: "image-pulled"}
"""What a place says when a step is done: told beside that, for it is no more under way."""
_CALM = {*DONE.values(), "image-pulling"}
"""Nothing is wrong."""
_USUAL = {"claim-pending": timedelta(seconds=30)}
"""Nothing is wrong unless it takes longer."""
_HELP = {"scaling-up", "no-scale-up"}
"""What becomes of a start for which no machine has room, so it is what to tell."""


@dataclass(frozen=True, slots=True)
class Held:
    """Why a start does not go on now."""

    words: str
    """What is the case, and what the person can do."""
    administrator: str
    """'' unless an administrator reads it."""


def held(stage: Stage, who: Reader, *, administers: bool) -> Held | None:
    """Return what holds the start up, if anything does."""
    signal = _latest(stage)
    if signal is None or _calm(stage, signal, who):
        return None
    more = {**signal.params, "pod": stage.server.key}
    line = administrator(signal.code, more, who) if administers else None
    words = told(signal.code, signal.params, who)
    step = next_step(signal.code, signal.params, who)
    return Held(
        who.both(words, step or ""),
        who.say("For the administrator: {words}", {"words": line}) if line else "",
    )


def beside(stage: Stage, who: Reader) -> str:
    """Return what to say beside the step under way, or ''."""
    signal = _latest(stage)
    if signal is None or signal.code in DONE.values() or not _calm(stage, signal, who):
        return ""
    return told(signal.code, signal.params, who)


def raw(stage: Stage, who: Reader) -> str:
    """Return what the place says, a line each, for those who search for it."""
    return "".join(f"{_line(signal, who)}\n" for signal in stage.signals)


def _line(signal: Signal, who: Reader) -> str:
    given = [f"{name}={value}" for name, value in signal.params.items() if value not in {None, ""}]
    return " ".join([*([who.clock(signal.at)] if signal.at else []), signal.code, *given])


def _latest(stage: Stage) -> Signal | None:
    """Return what is told now: a place tells what holds a start up last."""
    if stage.ended or not stage.signals:
        return None
    last = stage.signals[-1]
    helps = [it for it in stage.signals if it.code in _HELP]
    return helps[-1] if helps and last.code.startswith("no-room") else last


def _calm(stage: Stage, signal: Signal, who: Reader) -> bool:
    if signal.code in _CALM:
        return True
    began = next((step.at for step in stage.steps if step.state is StepState.NOW), None)
    usual = _USUAL.get(signal.code)
    return bool(usual and began and who.now and who.now - began < usual)
