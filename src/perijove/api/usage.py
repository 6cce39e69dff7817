"""What servers use of their machine; ours alone."""

from datetime import datetime

from pydantic import BaseModel

from perijove.api.servers import find
from perijove.core import Hub
from perijove.core.devices import Holding
from perijove.core.gauges import HomeSize, Reading
from perijove.http.route import Call, Reply
from perijove.model.server import Server
from perijove.model.usage import Process, Usage


class ProcessModel(BaseModel):
    """One process."""

    name: str
    memory: int
    """Bytes."""


class UsageModel(BaseModel):
    """What one server uses; null is unknown, or nothing of it runs."""

    at: datetime | None = None
    memory: int | None = None
    """Bytes."""
    memory_limit: int | None = None
    memory_guarantee: int | None = None
    cores: float | None = None
    """Used since the look before."""
    cpu_seconds: float | None = None
    """Used since its start."""
    processes: int | None = None
    processes_limit: int | None = None
    """Of processes and their threads together."""
    processes_refused: int = 0
    """How many could not be started, because there were that many."""
    open_files: int | None = None
    biggest: ProcessModel | None = None
    """The process with the most memory."""
    out_of_memory: int = 0
    """How many of its processes were ended for want of memory, and it went on."""
    last_ended: ProcessModel | None = None
    """The last of them."""
    home: int | None = None
    """Bytes of its home; added up in the background when one server is asked for."""
    home_at: datetime | None = None
    """When it was added up."""
    devices: list[str] = []
    """Ids of its GPUs."""


class MachineModel(BaseModel):
    """What the machine has."""

    cores: int
    memory: int
    memory_free: int
    disk: int
    """Bytes of the disk of the data directory."""
    disk_free: int


class DeviceModel(BaseModel):
    """One GPU, or a slice of one."""

    id: str
    name: str
    resource: str
    servers: list[str]
    """Who has it, as user/server."""


class AllModel(BaseModel):
    """GET /usage."""

    machine: MachineModel | None = None
    """Null where servers are pods."""
    share: int
    """How many servers may have one GPU."""
    devices: list[DeviceModel]
    servers: dict[str, UsageModel]
    """By user/server."""


async def one(hub: Hub, call: Call) -> Reply:
    """Return what one server uses."""
    server = await find(hub, call)
    readings = await hub.gauges.of([server])
    home = hub.gauges.home(server.placement)
    return Reply(200, _shown(home, server, readings.get(server.id)))


async def every(hub: Hub, call: Call) -> Reply:
    """Return what everything uses that runs, and what the machine has."""
    del call
    servers = [it for it in await hub.servers.running() if not it.at_rest]
    readings = await hub.gauges.of(servers)
    machine = await hub.gauges.machine()
    names = {it.key: f"{it.user}/{it.name}" for it in servers}
    return Reply(
        200,
        AllModel(
            machine=MachineModel.model_validate(machine, from_attributes=True) if machine else None,
            share=hub.servers.allotment.settings.share,
            devices=[_device(it, names) for it in await hub.servers.allotment.holdings()],
            servers={
                names[it.key]: _shown(hub.gauges.known(it.placement), it, readings.get(it.id))
                for it in servers
            },
        ),
    )


def _device(holding: Holding, names: dict[str, str]) -> DeviceModel:
    it = holding.device
    servers = [names.get(key, key) for key in holding.workloads]
    return DeviceModel(id=it.id, name=it.name, resource=it.resource, servers=servers)


def _shown(home: HomeSize | None, server: Server, reading: Reading | None) -> UsageModel:
    """Return all there is to say: what is not set is not sent."""
    usage = reading.usage if reading else Usage(incarnation=server.incarnation)
    cores = reading.cores if reading else None
    return UsageModel(
        at=reading.at if reading else None,
        memory=usage.memory,
        memory_limit=usage.memory_limit,
        memory_guarantee=usage.memory_kept,
        cores=None if cores is None else round(cores, 3),
        cpu_seconds=usage.cpu_seconds,
        processes=usage.processes,
        processes_limit=usage.processes_limit,
        processes_refused=usage.processes_refused,
        open_files=usage.open_files,
        biggest=_process(usage.biggest),
        out_of_memory=usage.out_of_memory,
        last_ended=_process(usage.last_ended),
        home=home.bytes if home else None,
        home_at=home.at if home else None,
        devices=list(server.devices),
    )


def _process(it: Process | None) -> ProcessModel | None:
    return ProcessModel(name=it.name, memory=it.memory) if it else None
