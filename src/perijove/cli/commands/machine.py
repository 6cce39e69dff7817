"""Commands that run Perijove, and look after it."""

from perijove.cli.arguments import (
    CLIENT,
    CLUSTER,
    CONNECT_URL,
    DATA,
    FILE,
    LOG,
    OUTPUT,
    Argument,
    number,
    port,
    share,
)
from perijove.cli.commands.command import Command
from perijove.proxy.limits import OPTIONS as LIMITS

CERTIFICATES = (
    Argument(
        ("--ssl-cert",), "certificate in PEM; may be given again, for other names",
        {"metavar": "FILE", "action": "append"},
    ),
    Argument(
        ("--ssl-key",), "its key, in the same order (in the file of the certificate)",
        {"metavar": "FILE", "action": "append"},
    ),
    Argument(
        ("--redirect-port",), "port without TLS that leads to the one with it (none)",
        {"type": port, "metavar": "N"},
    ),
    Argument(
        ("--redirect-to",), "port it leads to (--port)", {"type": port, "metavar": "N"}
    ),
    Argument(
        ("--http2",), "speak HTTP/2 with browsers that ask for it", {"action": "store_true"}
    ),
    Argument(
        ("--hsts",), "for which browsers are told to come with TLS only (not told)",
        {"type": number, "metavar": "SECONDS"},
    ),
)  # fmt: skip
COMMANDS = (
    Command(
        "up",
        "start everything on this machine",
        "perijove.cli.up:command",
        (
            FILE,
            DATA,
            Argument(("--port",), "port of the public address", {"type": port, "metavar": "N"}),
            Argument(
                ("--keep-servers",), "leave servers running at the end", {"action": "store_true"}
            ),
            *LOG,
            OUTPUT,
        ),
        ("perijove up", "perijove up -f classroom.yaml --port 8000"),
    ),
    Command(
        "hub",
        "run the hub alone",
        "perijove.cli.hub:command",
        (
            FILE,
            DATA,
            *CLUSTER,
            Argument(
                ("--secrets",), "directory of its secrets (default: in --data)",
                {"metavar": "DIR"},
            ),
            Argument(("--ip",), "address to listen on (default: 127.0.0.1)", {"metavar": "IP"}),
            Argument(
                ("--port",), "port to listen on; hubs that share a database have one each",
                {"type": port, "metavar": "N"},
            ),
            CONNECT_URL,
            *LOG,
        ),
        (
            "perijove hub --data /srv/perijove -f classroom.yaml",
            "perijove hub --data /srv/perijove -f postgres.yaml --port 8082",
            "perijove hub --spawner kubernetes --ip 0.0.0.0 --connect-url http://hub:8081",
        ),
    ),
    Command(
        "proxy",
        "run the proxy alone",
        "perijove.cli.proxy:command",
        (
            FILE,
            DATA,
            Argument(("--hub",), "the hub, instead of that of a box", {"metavar": "URL"}),
            Argument(("--token-file",), "file with the token for that hub", {"metavar": "FILE"}),
            Argument(("--table",), "file for the last table of routes", {"metavar": "FILE"}),
            Argument(("--ip",), "address to listen on", {"metavar": "IP"}),
            Argument(("--port",), "port to listen on", {"type": port, "metavar": "N"}),
            Argument(("--pid-file",), "file for the process id", {"metavar": "FILE"}),
            Argument(
                ("--trusted-proxies",), "networks whose X-Forwarded-* are believed, by commas",
                {"metavar": "NETWORKS"},
            ),
            Argument(("--metrics-ip",), "address for metrics (127.0.0.1)", {"metavar": "IP"}),
            Argument(
                ("--metrics-port",), "port for metrics, /metrics (none)",
                {"type": port, "metavar": "N"},
            ),
            *CERTIFICATES,
            Argument(("--metrics-socket",), "socket in the file system for the same (of a box:"
                     " run/proxy.sock)", {"metavar": "FILE"}),
            Argument(("--access-log",), "file for a line of JSON a request, - for stdout (none)",
                     {"metavar": "FILE"}),
            Argument(
                ("--access-log-sample",),
                "of them, 0 to 1; refusals and faults always have a line (1)",
                {"type": share, "metavar": "SHARE"},
            ),
            Argument(
                ("--host-routing",), "the host is the first part of each route",
                {"action": "store_true"},
            ),
            Argument(
                ("--workers",), "processes that serve, at most one for each core (1)",
                {"type": number, "metavar": "N"},
            ),
            *(
                Argument((f"--{name}",), words, {"metavar": metavar})
                for name, (metavar, _, words) in LIMITS.items()
            ),
            *LOG,
        ),
        (
            "perijove proxy --data /srv/perijove",
            "perijove proxy --data /srv/perijove --metrics-port 9102 --workers 4",
            "perijove proxy --access-log /var/log/perijove/access.log --access-log-sample 0.01",
        ),
    ),
    Command(
        "proxy upgrade",
        "put a new process in the place of a proxy, and lose no connection",
        "perijove.cli.upgrade:command",
        (
            Argument(
                ("--pid-file",), "the one that the proxy was given",
                {"metavar": "FILE", "required": True},
            ),
            OUTPUT,
        ),
        ("perijove proxy upgrade --pid-file /run/perijove-proxy.pid",),
    ),
    Command(
        "status",
        "say whether it is up, and what runs",
        "perijove.cli.status:command",
        CLIENT,
        ("perijove status", "perijove status -o json"),
    ),
    Command(
        "reload",
        "read the configuration again, while people work",
        "perijove.cli.reload:reload",
        CLIENT,
        ("perijove reload", "perijove reload -o json"),
    ),
    Command(
        "install-service",
        "write a unit for systemd that keeps it running",
        "perijove.cli.service:command",
        (
            FILE,
            Argument(("--data",), "data directory (default: /var/lib/NAME)", {"metavar": "DIR"}),
            Argument(("--port",), "port of the public address", {"type": port, "metavar": "N"}),
            Argument(
                ("--user",),
                "account that runs it and people's servers (perijove; root with systemUsers)",
                {"metavar": "ACCOUNT"},
            ),
            Argument(
                ("--name",), "of the unit (default: perijove)",
                {"metavar": "NAME", "default": "perijove"},
            ),
            Argument(
                ("--unit-dir",), "where it is written (default: /etc/systemd/system)",
                {"metavar": "DIR", "default": "/etc/systemd/system"},
            ),
            Argument(("--print",), "print it, and write nothing", {"action": "store_true"}),
            Argument(
                ("--force",), "write over one that says something else", {"action": "store_true"}
            ),
            OUTPUT,
        ),
        (
            "perijove install-service -f /etc/perijove.yaml",
            "perijove install-service --print",
            "perijove install-service --user jupyter --data /srv/perijove --port 80",
        ),
    ),
    Command(
        "doctor",
        "look for what keeps people from working",
        "perijove.cli.doctor.command:command",
        (
            FILE,
            DATA,
            *CLUSTER,
            CONNECT_URL,
            Argument(
                ("--no-start",), "do not start a server to see whether it works",
                {"action": "store_true"},
            ),
            Argument(
                ("--language",), "of the answer (default: that of the account)",
                {"choices": ("en", "zh")},
            ),
            OUTPUT,
        ),
        ("perijove doctor", "perijove doctor --spawner kubernetes -f values.yaml"),
    ),
)  # fmt: skip
