"""`perijove status`: is it up, and what goes on in it, on one screen."""

import os
from argparse import Namespace
from collections import Counter
from time import perf_counter
from typing import Any

from perijove.cli.box import Box
from perijove.cli.doctor.knock import SILENT, healthy
from perijove.cli.output import answer, answer_json, fields, remark
from perijove.cli.remote import Remote, connect
from perijove.cli.trouble import FAILURE, Trouble
from perijove.cli.usage import size

_UNHEALTHY = 7
_NOWHERE = {"url": None, "hub": None, "proxy": None}


def command(given: Namespace) -> int:
    """Say whether hub and proxy answer and what runs; the exit code is 7 if something is ill."""
    try:
        remote = connect(given)
    except Trouble as trouble:
        if trouble.exit_code != FAILURE:
            raise
        if given.output == "json":
            answer_json({"well": False, "up": False, **_NOWHERE, "trouble": str(trouble)})
            return _UNHEALTHY
        raise Trouble(str(trouble), exit_code=_UNHEALTHY) from None
    found: dict[str, Any] = {"up": True, "url": remote.public}
    found |= {part: _part(url) for part, url in (("hub", remote.hub), ("proxy", remote.public))}
    if all(found[part]["why"] == SILENT for part in ("hub", "proxy")):
        found |= {"up": False, "trouble": _not_up(given, remote)}
    well = all(found[part]["well"] for part in ("hub", "proxy"))
    if found["hub"]["well"]:
        try:
            found |= _inside(remote)
        except Trouble as trouble:
            well, found["trouble"] = False, str(trouble)
    if given.output == "json":
        answer_json({"well": well, **found})
    else:
        _tell(found, well=well)
    return 0 if well else _UNHEALTHY


def _not_up(given: Namespace, remote: Remote) -> str:
    """Return that nothing runs, and how to start it as it was."""
    if os.environ.get("PERIJOVE_URL"):
        return f"Nothing answers at {remote.public}: is that where it is (PERIJOVE_URL)?"
    box = Box.at(given.data)
    return f"Perijove is not up in {box.path}: `{box.start()}` starts it."


def _part(url: str) -> dict[str, Any]:
    began = perf_counter()
    why = healthy(f"{url}hub/health")
    milliseconds = round((perf_counter() - began) * 1000, 1)
    return {"well": not why, "why": why or None, "milliseconds": milliseconds}


def _inside(remote: Remote) -> dict[str, Any]:
    info = remote.get("/info")
    people, states = 0, Counter[str]()
    for user in remote.users():
        people += 1
        states.update(_state(it) for it in (user.get("servers") or {}).values())
    return {
        "version": info["spawner"]["version"],  # of what it is made of; its own is JupyterHub's
        "speaks": f"JupyterHub {info['version']}",
        "people": people,
        "servers": dict(sorted(states.items())),
        **_usage(remote.get("/usage")),
    }


def _usage(found: dict[str, Any]) -> dict[str, Any]:
    """Return what all servers use together of what there is."""
    servers, devices = found["servers"].values(), found["devices"]
    return {
        "machine": found["machine"],
        "memory": sum(it["memory"] or 0 for it in servers),
        "memory_promised": sum(it["memory_guarantee"] or 0 for it in servers),
        "cores": round(sum(it["cores"] or 0 for it in servers), 2),
        "gpus": len(devices),
        "gpus_in_use": sum(bool(it["servers"]) for it in devices),
    }


def _state(server: dict[str, Any]) -> str:
    if server["pending"] == "spawn":
        return "starting"
    return "stopping" if server["pending"] else "running"


def _used(found: dict[str, Any]) -> dict[str, str]:
    """Return the same in words; nothing where there is not one machine."""
    machine = found["machine"]
    if machine is None:
        return {}
    memory = f"{size(found['memory'])} in use by servers, {size(machine['memory_free'])} free"
    shown = {
        "memory": f"{memory} of {size(machine['memory'])}",
        "cores": f"{found['cores']:g} in use by servers of {machine['cores']}",
        "disk": f"{size(machine['disk_free'])} free of {size(machine['disk'])}",
    }
    if found["memory_promised"] > machine["memory"]:
        shown["promised"] = f"{size(found['memory_promised'])}: more memory than there is"
    if found["gpus"]:
        shown["gpus"] = f"{found['gpus_in_use']} in use of {found['gpus']}"
    return shown


def _tell(found: dict[str, Any], *, well: bool) -> None:
    if not found["up"]:
        answer(found["trouble"])
        return
    shown = {"address": found["url"]}
    for part in ("hub", "proxy"):
        it = found[part]
        words = f"answers in {it['milliseconds']:g} ms" if it["well"] else f"is ill: {it['why']}"
        shown[part] = words
    if "version" in found:
        servers = ", ".join(f"{number} {state}" for state, number in found["servers"].items())
        shown |= {
            "version": f"{found['version']}, speaks {found['speaks']}",
            "people": f"{found['people']:,}",
            "servers": servers or "none",
            **_used(found),
        }
    fields(shown)
    if "trouble" in found:
        answer(found["trouble"])
    if not well:
        remark("`perijove doctor` looks for the reason; `perijove up` starts what does not run.")
