"""Try to get at what is somebody else's, and print what could be done: `python probe.py TARGETS`.

TARGETS is a file with JSON: files and folders, pids, ports with paths and headers, sockets. It
runs with the standard library alone, in a kernel of whoever attacks.
"""

import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection
from typing import Any

PTRACE_ATTACH, PTRACE_DETACH = 16, 17
OF_A_PROCESS = ("environ", "mem", "maps", "fd", "cwd", "root", "task")


def attempts(targets: dict[str, Any]) -> Iterator[tuple[str, Callable[[], object]]]:
    for path in targets["paths"]:
        yield f"read {path}", partial(read, path)
        yield f"write {path}", partial(write, path)
    for pid in targets["pids"]:
        for name in OF_A_PROCESS:
            yield f"read /proc/{pid}/{name}", partial(read, f"/proc/{pid}/{name}")
        yield f"signal {pid}", partial(os.kill, pid, 0)
        yield f"ptrace {pid}", partial(ptrace, pid)
    for path in targets["sockets"]:
        yield f"connect {path}", partial(connect, path)
    for where in targets["pages"]:
        yield f"get {where}", partial(get, where[0], where[1], targets["headers"])
    yield "setuid 0", partial(in_a_child, os.setuid, 0)
    yield f"setuid {targets['uid']}", partial(in_a_child, os.setuid, targets["uid"])
    yield f"setgid {targets['gid']}", partial(in_a_child, os.setgid, targets["gid"])
    yield "setgroups", partial(in_a_child, os.setgroups, [0])


def read(path: str) -> None:
    """Read a file or a folder, or follow a link."""
    if os.path.islink(path) and path.startswith("/proc/"):
        os.readlink(path)
    elif os.path.isdir(path):
        os.listdir(path)
    else:
        with open(path, "rb") as file:
            file.seek(first_mapped(path)) if path.endswith("/mem") else None
            file.read(16)


def first_mapped(path: str) -> int:
    with open(f"{path.removesuffix('mem')}maps") as maps:
        return int(maps.readline().split("-")[0], 16)


def write(path: str) -> None:
    """Touch a file, or make one in a folder, and take it away again."""
    if os.path.isdir(path):
        name = os.path.join(path, f"probe-{os.getpid()}")
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        os.unlink(name)
    else:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND))


def ptrace(pid: int) -> None:
    call = ctypes.CDLL(None, use_errno=True).ptrace
    call.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if call(PTRACE_ATTACH, pid, None, None):
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(pid, 0x40000000)
    call(PTRACE_DETACH, pid, None, None)


def connect(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as it:
        it.connect(path)


def get(port: int, path: str, headers: dict[str, str]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise PermissionError(answer.status)


def in_a_child(act: Callable[[Any], object], given: object) -> None:
    child = os.fork()
    if not child:
        try:
            act(given)
        except OSError:
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise PermissionError


def main() -> None:
    with open(sys.argv[1]) as file:
        targets = json.load(file)
    signal.alarm(300)
    done, tried = [], 0
    for name, act in attempts(targets):
        tried += 1
        try:
            act()
        except OSError:
            continue
        done.append(name)
    print(json.dumps({"tried": tried, "done": done, "uid": os.getuid()}))


if __name__ == "__main__":
    main()
