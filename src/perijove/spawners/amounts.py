"""Amounts of memory and cores, as values files and Kubernetes write them."""

import re
from collections.abc import Mapping
from typing import Any

from perijove.model.amounts import memory

_DECIMAL = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(m|k|[MGTP]|[KMGTP]i)?")


def limits_told(traits: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables by which a server knows its limits (hub.md 1.2), of those it has.

    Raises:
        Refused: an amount of memory is none.
    """
    told = {
        "MEM_LIMIT": memory(traits.get("mem_limit")),
        "MEM_GUARANTEE": memory(traits.get("mem_guarantee")),
        "CPU_LIMIT": traits.get("cpu_limit"),
        "CPU_GUARANTEE": traits.get("cpu_guarantee"),
    }
    return {name: str(value) for name, value in told.items() if value}


def quantity(given: str | float) -> float:
    """Return a quantity of Kubernetes as a number: `500m` is 0.5, `1Gi` is 1073741824.

    Raises:
        ValueError: it is none.
    """
    found = _QUANTITY.fullmatch(str(given).strip())
    if found is None:
        raise ValueError(f"{given!r} is no quantity")
    unit = found[2] or ""
    return float(found[1]) * (_BINARY.get(unit) or _DECIMAL[unit])
