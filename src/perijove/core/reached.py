"""Which step of its start a server has reached, from its row and what its workload looks like."""

from collections.abc import Mapping
from datetime import datetime

from perijove.model.server import Phase, Server
from perijove.model.stage import StepCode, StepShown, StepState
from perijove.model.workload import Observation, State

PERCENT = {
    StepCode.REQUESTED: 0,
    StepCode.QUEUED: 5,
    StepCode.PLACE: 8,
    StepCode.HOME: 10,
    StepCode.IMAGE: 20,
    StepCode.STARTED: 40,
    StepCode.ANSWERS: 80,
    StepCode.READY: 100,
}
OF_A_CLUSTER = frozenset({StepCode.PLACE, StepCode.IMAGE})
_FAILED_AT = {
    StepCode.ANSWERS: ("no-answer",),
    StepCode.PLACE: ("admission", "gated", "no-room", "no-scale-up", "scaling-up"),
    StepCode.HOME: ("claim", "volume"),
    StepCode.IMAGE: ("image",),
    StepCode.STARTED: (
        *("container", "crash-loop", "disappeared", "evicted", "exited", "init-failed"),
        *("home-full", "start-file"),
        *("node-lost", "not-ready", "out-of-memory", "pod", "port-taken", "preempted"),
        *("refused", "sandbox", "start-timeout", "too-many-processes"),
    ),
}
"""What was under way when it failed so, by what the code begins with: its workload may be gone."""

_TOLD_BY = {
    "scheduled": StepCode.HOME,
    "image-pulling": StepCode.IMAGE,
    "image-slow": StepCode.IMAGE,
    "image-pulled": StepCode.STARTED,
}
"""What a cluster says when a step begins."""


def began(seen: Observation, now: StepCode) -> dict[StepCode, datetime]:
    """Return when steps up to `now` began, as far as the place says so."""
    order = list(StepCode)
    return {
        step: signal.at
        for signal in seen.signals
        if signal.at and (step := _TOLD_BY.get(signal.code))
        if order.index(step) <= order.index(now)
    }


def reached(server: Server, seen: Observation, *, in_cluster: bool) -> StepCode:
    """Return the step that is under way, or was when it failed."""
    match server.phase:
        case Phase.RUNNING:
            return StepCode.READY
        case Phase.QUEUED:
            return StepCode.QUEUED
        case Phase.FAILED if server.reason:
            for step, codes in _FAILED_AT.items():
                if server.reason.code.startswith(codes):
                    return step if in_cluster or step not in OF_A_CLUSTER else StepCode.STARTED
    if seen.state is State.UP:
        return StepCode.ANSWERS if seen.address else StepCode.STARTED
    if in_cluster:
        return _of_pod(seen)
    began_to_run = {State.PENDING, State.EXITED}  # what has ended already has begun
    return StepCode.STARTED if seen.state in began_to_run else StepCode.HOME


def _of_pod(seen: Observation) -> StepCode:
    """Return how far a pod is that does not run yet: a machine first, then home, then image."""
    if "node" not in seen.facts:
        return StepCode.PLACE
    codes = {signal.code for signal in seen.signals}
    if any(it.startswith("image-") for it in codes - {"image-pulled"}):
        return StepCode.IMAGE  # be it the second: those of init containers come before it
    started = "image-pulled" in codes or seen.state is not State.PENDING
    return StepCode.STARTED if started else StepCode.HOME


def steps(
    now: StepCode, at: Mapping[StepCode, datetime], *, in_cluster: bool, failed: bool
) -> tuple[StepShown, ...]:
    """Return every step that there is, when `now` is under way and `at` says when each began."""
    always = OF_A_CLUSTER if in_cluster else frozenset[StepCode]()
    hidden = {StepCode.QUEUED, *OF_A_CLUSTER} - always
    order = [code for code in StepCode if code not in hidden or code in at]
    here = order.index(now)
    under_way = StepState.FAILED if failed else StepState.NOW
    states = [
        StepState.DONE if n < here or now is StepCode.READY else under_way if n == here else
        StepState.TODO
        for n in range(len(order))
    ]  # fmt: skip
    return tuple(
        StepShown(code=code, state=state, at=at.get(code))
        for code, state in zip(order, states, strict=True)
    )
