"""The GPUs of a machine, found in recorded ones (tests/gpus.py); what servers ask for."""

from pathlib import Path

import pytest

from perijove.cli.doctor.devices import gpus as doctor
from perijove.cli.doctor.finding import Health
from perijove.model.device import Device, only
from perijove.model.errors import Refused
from perijove.settings import Settings, of
from perijove.settings.read import read_tree
from perijove.spawners.gpus import Gpus, find
from tests.gpus import L4, SECOND, SLICED, UNKNOWN, WHOLE, driver, tool

A100, ANOTHER = (line.split("UUID: ")[1].rstrip(")") for line in WHOLE.splitlines())
GPU = "nvidia.com/gpu"


def gpus(root: Path, **traits: object) -> Gpus:
    return Gpus(root / "workloads", traits, root)


def test_a_machine_without_has_none_and_its_servers_are_told_nothing(tmp_path: Path) -> None:
    assert find(tmp_path) == ()
    assert gpus(tmp_path).environment("") == {}


def test_the_driver_alone_says_what_there_is(tmp_path: Path) -> None:
    driver(tmp_path, L4, SECOND, nodes=(0, 1))
    assert find(tmp_path) == (Device(L4, "NVIDIA L4", GPU), Device(SECOND, "NVIDIA L4", GPU))


def test_what_a_container_has_no_file_for_is_not_there(tmp_path: Path) -> None:
    driver(tmp_path, L4, SECOND, nodes=(1,))
    assert [it.id for it in find(tmp_path)] == [SECOND]


def test_a_gpu_that_was_never_used_has_a_number(tmp_path: Path) -> None:
    driver(tmp_path, UNKNOWN, UNKNOWN)
    assert [it.id for it in find(tmp_path)] == ["0", "1"]
    told = gpus(tmp_path).environment("1")
    assert told["CUDA_VISIBLE_DEVICES"] == "1"
    assert told["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_files_alone_are_better_than_nothing(tmp_path: Path) -> None:
    driver(tmp_path, nodes=(3, 0))
    assert find(tmp_path) == (Device("0", "NVIDIA GPU", GPU), Device("1", "NVIDIA GPU", GPU))


def test_the_tool_knows_slices_and_a_gpu_in_slices_is_none_as_a_whole(tmp_path: Path) -> None:
    tool(driver(tmp_path, A100, ANOTHER), SLICED)
    assert find(tmp_path) == (
        Device(
            "MIG-feb88891-0321-5fef-9c87-d4af3b54259e",
            "NVIDIA A100-SXM4-80GB 3g.40gb",
            "nvidia.com/mig-3g.40gb",
        ),
        Device(
            "MIG-a25704ba-3a06-5299-a795-fd7cf4d13973",
            "NVIDIA A100-SXM4-80GB 1g.10gb",
            "nvidia.com/mig-1g.10gb",
        ),
        Device(ANOTHER, "NVIDIA A100-SXM4-80GB", GPU),
    )


@pytest.mark.parametrize("text", ["", "?\n"])
def test_a_tool_that_lists_nothing_is_no_reason_to_see_nothing(tmp_path: Path, text: str) -> None:
    tool(driver(tmp_path, L4), text, 0)
    assert [it.id for it in find(tmp_path)] == [L4]


def test_a_tool_that_fails_changes_nothing_of_what_was_found(tmp_path: Path) -> None:
    tool(driver(tmp_path, L4), "NVIDIA-SMI has failed\n", 9)
    with pytest.raises(OSError, match="ends with 9"):  # by other names, one could be given twice
        find(tmp_path)
    assert Gpus(tmp_path, {}, tmp_path).there() == ()


def test_some_of_them_are_chosen_by_number_or_uuid(tmp_path: Path) -> None:
    found = find(tool(tmp_path))
    assert only(found, None) == found
    assert [it.id for it in only(found, ["1"])] == [ANOTHER]
    assert [it.id for it in only(found, ["GPU-7fda", " 7 "])] == [A100]
    assert only(found, [""]) == ()


def test_a_server_sees_those_that_it_holds_and_else_none(tmp_path: Path) -> None:
    it = gpus(tool(tmp_path))
    assert it.environment(f"{A100},{ANOTHER}") == {
        "CUDA_VISIBLE_DEVICES": f"{A100},{ANOTHER}",
        "NVIDIA_VISIBLE_DEVICES": f"{A100},{ANOTHER}",
    }
    assert it.environment("") == {
        "CUDA_VISIBLE_DEVICES": "",
        "NVIDIA_VISIBLE_DEVICES": "void",
    }


@pytest.mark.parametrize(
    ("traits", "overrides", "wanted"),
    [
        ({}, {}, {}),
        ({"extra_resource_limits": {GPU: 1}}, {}, {GPU: 1}),
        ({"extra_resource_limits": {GPU: "2"}}, {}, {GPU: 2}),
        ({"extra_resource_guarantees": {GPU: 1.0}}, {}, {GPU: 1}),
        ({"extra_resource_guarantees": {GPU: 1}, "extra_resource_limits": {GPU: 2}}, {}, {GPU: 2}),
        ({"extra_resource_limits": {GPU: 1}}, {"extra_resource_limits": {GPU: 4}}, {GPU: 4}),
        ({"extra_resource_limits": {GPU: 1}}, {"extra_resource_limits": {GPU: 0}}, {}),
        ({"extra_resource_limits": {GPU: 1}}, {"extra_resource_limits": {GPU: None}}, {}),
        (
            {"extra_resource_limits": {GPU: 1}},
            {"extra_resource_limits": {GPU: 0, "nvidia.com/mig-1g.10gb": 1}},
            {"nvidia.com/mig-1g.10gb": 1},
        ),
        ({"extra_resource_limits": {"example.com/fpga": 1}}, {}, {}),
    ],
)
def test_what_is_asked_for_is_written_as_for_a_pod(
    traits: dict[str, object], overrides: dict[str, object], wanted: dict[str, int]
) -> None:
    assert gpus(Path("/nowhere"), **traits).wanted(overrides) == wanted


@pytest.mark.parametrize("amount", ["one", "0.5", 1.5, -1, True, "", 10**9, [1]])
def test_an_amount_that_is_none_is_refused(amount: object) -> None:
    with pytest.raises(Refused) as refused:
        gpus(Path("/nowhere"), extra_resource_limits={GPU: amount}).wanted({})
    assert refused.value.code == "bad-count"


def asking(**singleuser: object) -> Settings:
    return of({"singleuser": singleuser})


PROFILE = {"display_name": "Large", "kubespawner_override": {"extra_resource_limits": {GPU: 3}}}


def test_doctor_says_what_it_sees_and_what_can_never_be_had(tmp_path: Path) -> None:
    nothing = doctor(asking(), tmp_path)
    assert (nothing.code, nothing.health) == ("gpus.none", Health.GOOD)
    tool(tmp_path)
    enough = doctor(asking(extraResource={"limits": {GPU: 2}}), tmp_path)
    assert enough.sentence("en").startswith("Seen from here: NVIDIA A100-SXM4-80GB (GPU-7fda")
    for few in (
        asking(extraResource={"limits": {GPU: 3}}),
        asking(extraResource={"guarantees": {"nvidia.com/mig-1g.10gb": 1}}),
        asking(profileList=[PROFILE]),
    ):
        finding = doctor(few, tmp_path)
        assert (finding.code, finding.health) == ("gpus.too-few", Health.BAD)
        assert finding.sentence("zh")
    assert "`Large` asks for 3 of nvidia.com/gpu" in doctor(
        asking(profileList=[PROFILE]), tmp_path
    ).sentence("en")
    odd = doctor(asking(extraResource={"limits": {GPU: "all"}}), tmp_path)
    assert odd.code == "gpus.bad-count"
    some = of({"gpus": {"only": [1]}, "singleuser": {"extraResource": {"limits": {GPU: 2}}}})
    assert doctor(some, tmp_path).params["count"] == "1"


def test_a_box_says_which_resources_it_takes_no_notice_of() -> None:
    tree = {
        "gpus": {"share": 2},
        "singleuser": {"extraResource": {"limits": {GPU: 1, "example.com/fpga": 1}}},
    }
    assert read_tree(tree, {}).idle == ("singleuser.extraResource.limits.example.com/fpga",)
    assert read_tree(tree, {}, cluster=True).idle == ("gpus.share",)
