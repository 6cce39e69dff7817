"""What servers use, in words: memory, processors, processes, files, GPUs, the home folder."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perijove.core import Hub
from perijove.core.gauges import Reading
from perijove.http.reader import Reader
from perijove.model.placement import Placement
from perijove.model.server import Server


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is used."""

    label: str
    words: str
    part: float | None = None
    """How much of what may be used; None: there is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """What one server uses."""

    memory: str = ""
    gpus: str = ""
    lines: tuple[Line, ...] = ()
    ended: str = ""
    """What is said of processes that were ended for want of memory, or ''."""
    crowded: str = ""
    """What is said of processes that could not begin, or ''."""


async def uses(hub: Hub, servers: Sequence[Server], who: Reader) -> Mapping[str, Uses]:
    """Return what each of the servers of one person uses, by its name."""
    readings = await hub.gauges.of(servers)
    return {it.name: _of(hub, it, readings.get(it.id), who) for it in servers if not it.at_rest}


def memory_of(readings: Sequence[Reading], who: Reader) -> str:
    """Return what several servers use together, or ''."""
    used = [it.usage.memory for it in readings if it.usage.memory is not None]
    return who.amount(sum(used)) if used else ""


def gpus(hub: Hub, servers: Sequence[Server]) -> str:
    """Return what people call the GPUs that servers have, or ''."""
    known = hub.servers.allotment.known
    names = Counter(
        known[it].name if it in known else "GPU" for server in servers for it in server.devices
    )
    return ", ".join(
        name if count == 1 else f"{count} \u00d7 {name}" for name, count in names.items()
    )


def home(hub: Hub, placement: Placement, who: Reader) -> str:
    """Return how big a home is, and when it was; '' where nobody can say."""
    if hub.gauges.gauge is None:
        return ""
    size = hub.gauges.home(placement)
    if size is None:
        return who.say("is being added up")
    if size.bytes is None:
        return who.say("could not be added up")
    return who.say("{size:about}, {ago}", {"size": size.bytes, "ago": who.ago(size.at)})


def _of(hub: Hub, server: Server, reading: Reading | None, who: Reader) -> Uses:
    found, lines = gpus(hub, [server]), list[Line]()
    if reading:
        lines += _lines(reading, who)
    if found:
        lines.append(Line(who.say("GPU"), found))
    if reading:
        lines.append(Line(who.say("Home folder"), home(hub, server.placement, who)))
    memory = next((it.words for it in lines[:1] if reading), "")
    return Uses(
        memory=memory,
        gpus=found,
        lines=tuple(lines),
        ended=_ended(reading, who) if reading else "",
        crowded=_crowded(reading, who) if reading else "",
    )


def _lines(reading: Reading, who: Reader) -> list[Line]:
    """Return what is known, memory first."""
    usage, lines = reading.usage, list[Line]()
    used, limit = usage.memory, usage.memory_limit
    if used is not None:
        given = {"used": used, "limit": limit}
        words = who.say("{used:about} of {limit:bytes}", given) if limit else who.amount(used)
        lines.append(Line(who.say("Memory"), words, used / limit if limit else None))
    if reading.cores is not None:
        words = who.say("{cores} cores in use", {"cores": f"{reading.cores:.1f}"})
        lines.append(Line(who.say("Processors"), words))
    if usage.processes is not None:
        given = {"count": usage.processes, "files": usage.open_files}
        words = who.say("{count:number}, with {files:number} open files", given)
        lines.append(Line(who.say("Processes"), words))
    return lines


def _crowded(reading: Reading, who: Reader) -> str:
    usage = reading.usage
    if not usage.processes_refused:
        return ""
    return who.say(
        "This server has wanted more than {limit:number} processes at once, with their threads,"
        " and may have no more: {count:number} could not begin. Stop the cell or the program that"
        " starts them, or restart the server.",
        {"limit": usage.processes_limit, "count": usage.processes_refused},
    )


def _ended(reading: Reading, who: Reader) -> str:
    usage = reading.usage
    if not usage.out_of_memory:
        return ""
    said = who.say(
        "The machine has ended processes of this server for want of memory: {count:number}, at the"
        " limit of {limit:bytes}. The server goes on; a notebook whose process it was has lost its"
        " variables.",
        {"count": usage.out_of_memory, "limit": usage.memory_limit},
    )
    if usage.last_ended is None:
        return said
    last = {"process": usage.last_ended.name, "size": usage.last_ended.memory}
    return who.both(said, who.say("The last was {process}, with {size:about}.", last))
