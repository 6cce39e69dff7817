#!/usr/bin/python3 -u
"""A notebook server in thirty lines: it listens, answers below its prefix, and tells the hub."""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/")
port = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "")).port or 8888
activity, name = (
    os.environ.get("JUPYTERHUB_ACTIVITY_URL"),
    os.environ.get("JUPYTERHUB_SERVER_NAME", ""),
)


def tell(every: float = 300) -> None:
    token = {"authorization": f"token {os.environ.get('JUPYTERHUB_API_TOKEN', '')}"}
    while activity:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        body = json.dumps(
            {"last_activity": now, "servers": {name: {"last_activity": now}}}
        ).encode()
        try:
            urlopen(Request(activity, body, token), timeout=10).close()
        except OSError as reason:
            print(f"the hub is away: {reason}")
        time.sleep(every)


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"version": "stub", "path": self.path}).encode()
        self.send_response(200 if self.path.startswith(prefix) else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
threading.Thread(target=tell, daemon=True).start()
print(f"listening on {port} for {prefix}, arguments {sys.argv[1:]}")
ThreadingHTTPServer(("", port), Answer).serve_forever()
