"""Which step of its start a server has reached."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from perijove.core.reached import OF_A_CLUSTER, began, reached, steps
from perijove.model.server import Desired, Phase
from perijove.model.signal import Signal
from perijove.model.stage import StepCode, StepState
from perijove.model.workload import GONE, Observation, State
from tests.unit.test_decide import server

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
STARTING = server(Desired.RUNNING, Phase.STARTING)
FOUND = {"node": "gpu-01"}


def told(*codes: str) -> tuple[Signal, ...]:
    return tuple(Signal(code=code, at=NOW + timedelta(seconds=n)) for n, code in enumerate(codes))


@pytest.mark.parametrize(
    ("seen", "step"),
    [
        (GONE, StepCode.PLACE),
        (Observation(state=State.PENDING), StepCode.PLACE),
        (Observation(state=State.PENDING, signals=told("no-room-gpu")), StepCode.PLACE),
        (Observation(state=State.PENDING, facts=FOUND), StepCode.HOME),
        (Observation(state=State.PENDING, facts=FOUND, signals=told("scheduled")), StepCode.HOME),
        (
            Observation(
                state=State.PENDING, facts=FOUND, signals=told("scheduled", "image-pulling")
            ),
            StepCode.IMAGE,
        ),
        (
            Observation(
                state=State.PENDING, facts=FOUND, signals=told("scheduled", "image-pulled")
            ),
            StepCode.STARTED,
        ),
        (Observation(state=State.UP, facts=FOUND), StepCode.STARTED),
        (
            Observation(state=State.UP, facts=FOUND, address="http://10.1.2.3:8888"),
            StepCode.ANSWERS,
        ),
    ],
)
def test_a_pod_finds_a_machine_then_its_home_then_its_image(
    seen: Observation, step: StepCode
) -> None:
    assert reached(STARTING, seen, in_cluster=True) is step


@pytest.mark.parametrize(
    ("code", "on_a_cluster", "here"),
    [
        ("no-room-gpu-none", StepCode.PLACE, StepCode.STARTED),
        ("image-missing", StepCode.IMAGE, StepCode.STARTED),
        ("claim-class", StepCode.HOME, StepCode.HOME),
        ("crash-loop", StepCode.STARTED, StepCode.STARTED),
        ("no-answer", StepCode.ANSWERS, StepCode.ANSWERS),
    ],
)
def test_what_failed_says_which_step_it_was(
    code: str, on_a_cluster: StepCode, here: StepCode
) -> None:
    failed = replace(server(Desired.STOPPED, Phase.FAILED), reason=Signal(code=code))
    assert reached(failed, GONE, in_cluster=True) is on_a_cluster
    assert reached(failed, GONE, in_cluster=False) is here


def test_one_machine_has_no_steps_of_a_cluster() -> None:
    def codes(*, in_cluster: bool) -> set[StepCode]:
        shown = steps(StepCode.STARTED, {}, in_cluster=in_cluster, failed=False)
        return {step.code for step in shown}

    assert codes(in_cluster=True) - codes(in_cluster=False) == OF_A_CLUSTER
    assert StepCode.QUEUED not in codes(in_cluster=True)


def test_all_before_is_done_and_what_is_to_come_is_not() -> None:
    shown = steps(StepCode.IMAGE, {StepCode.HOME: NOW}, in_cluster=True, failed=True)
    assert [(it.code, it.state) for it in shown] == [
        (StepCode.REQUESTED, StepState.DONE),
        (StepCode.PLACE, StepState.DONE),
        (StepCode.HOME, StepState.DONE),
        (StepCode.IMAGE, StepState.FAILED),
        (StepCode.STARTED, StepState.TODO),
        (StepCode.ANSWERS, StepState.TODO),
        (StepCode.READY, StepState.TODO),
    ]


def test_the_place_says_when_a_step_began() -> None:
    seen = Observation(state=State.PENDING, signals=told("scheduled", "image-pulling"))
    both = {StepCode.HOME: NOW, StepCode.IMAGE: NOW + timedelta(seconds=1)}
    assert began(seen, StepCode.IMAGE) == both
    assert began(seen, StepCode.HOME) == {StepCode.HOME: NOW}


def test_the_image_of_an_init_container_is_not_the_last() -> None:
    signals = told("scheduled", "image-pulled", "image-slow")
    seen = Observation(state=State.PENDING, facts=FOUND, signals=signals)
    assert reached(STARTING, seen, in_cluster=True) is StepCode.IMAGE
    assert StepCode.STARTED not in began(seen, StepCode.IMAGE)
    assert began(seen, StepCode.IMAGE)[StepCode.IMAGE] == NOW + timedelta(seconds=2)
