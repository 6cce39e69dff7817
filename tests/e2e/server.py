"""Somebody's server in thirty lines: it says that it started, listens, answers its prefix."""

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
with Path(sys.argv[1]).open("a") as starts:
    starts.write(f"{prefix} {os.getpid()}\n")

NOTHING = {"api/status", "api/kernels"}
"""It is no Jupyter Server, and does not know when it was last used."""

port = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port or 0
listener = socket.create_server(("127.0.0.1", port))
while True:
    connection, _ = listener.accept()
    with connection, suppress(OSError, IndexError):  # who knocks hangs up early
        path = connection.recv(65536).split(b" ")[1].decode()
        ours = path.startswith(prefix) and path.partition("?")[0][len(prefix) :] not in NOTHING
        status = "200 OK" if ours else "404 Not Found"
        head = f"HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n"
        connection.sendall(f"{head}{{}}".encode())
