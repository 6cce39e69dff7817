"""What is measured of rights: may this person start that server? Twenty roles, fifty groups.

Whoever asks is in fifty groups and has twenty roles, half of them by a group; each role reaches one
class. Each server that is asked for is of somebody in fifty groups, of which one is such a class.
Each hub is asked by its own functions, in a process of its own, from the rows in memory to the
verdict, as it does for every request.
"""

import asyncio
import sys
import time
from collections.abc import Callable

from bench.hub.contender import Contender

ROLES, GROUPS, STUDENTS = 20, 50, 100
CHECKS = 4000
SCOPES = ("list:users", "read:users", "servers", "read:groups")
"""What each role allows in its class."""


def scopes(role: int) -> list[str]:
    """Return the scopes of one role."""
    return [f"{name}!group=class{role:02d}" for name in SCOPES]


def role_of_group(group: int) -> int | None:
    """Return which role the members of a group of the teacher have by it, if any."""
    return group + ROLES // 2 if group < ROLES // 2 else None


def classes(student: int) -> list[str]:
    """Return the groups of one student: the last is a class that a role reaches."""
    others = [f"club{number:02d}" for number in range(GROUPS - 1)]
    return [*others, f"class{student % ROLES:02d}"]


def say(check: Callable[[int], bool]) -> None:
    """Print the CPU milliseconds of one check, each of another student, all allowed."""
    if not all(check(number) for number in range(STUDENTS)):
        raise SystemExit("a check that must succeed does not")
    began = time.process_time()
    for number in range(CHECKS):
        check(number % STUDENTS)
    print((time.process_time() - began) / CHECKS * 1e3)


async def rights_ms(hub: Contender, rounds: int) -> float:
    """Return the CPU milliseconds of one check of `hub`, the best of `rounds`."""
    return min([await _once(hub.rights) for _ in range(rounds)])


async def _once(module: str) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{module} has failed")
    return float(said)
