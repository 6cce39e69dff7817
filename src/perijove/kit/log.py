"""Log to stderr: one line an event, for people or as JSON, with the request, user and server.

What a line is about is bound to the task (`about`): whatever is logged in it, and in the tasks
that it begins, says so.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

FORMAT, LEVEL = "PERIJOVE_LOG_FORMAT", "PERIJOVE_LOG_LEVEL"
"""What says how, in the environment, so that every process of a box does it the same way."""
FORMATS, LEVELS = ("console", "json"), ("debug", "info", "warning", "error")
_CLUSTER = "KUBERNETES_SERVICE_HOST"
_LINE = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_DATE = "%Y-%m-%dT%H:%M:%S"
_QUIET = ("alembic", "asyncio")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=_NOTHING)


def about(**names: str) -> None:
    """Say what everything is about that this task logs from now on: request, user, server."""
    _about.set({**_about.get(), **names})


def choose(form: str | None, level: str | None) -> None:
    """Have this process, and those that it starts, log so; None leaves it as it is."""
    for name, value in ((FORMAT, form), (LEVEL, level)):
        if value:
            os.environ[name] = value


def to_stderr(environment: Mapping[str, str] = os.environ) -> None:
    """Begin. Level WARNING and above is also shown at the terminal of `perijove up`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if _format(environment) == "json" else _Console())
    level = environment.get(LEVEL, "").lower() or "info"
    known = level if level in LEVELS else "info"
    logging.basicConfig(level=known.upper(), handlers=[handler], force=True)
    for name in _QUIET:  # they tell of every statement, or of every turn of the loop
        logging.getLogger(name).setLevel(logging.WARNING)
    for name, known_to, value in (
        (FORMAT, FORMATS, environment.get(FORMAT, "")),
        (LEVEL, LEVELS, environment.get(LEVEL, "")),
    ):
        if value and value.lower() not in known_to:
            said = (name, value, ", ".join(known_to))
            logging.getLogger(__name__).warning("%s is %r; it can be: %s", *said)


def _format(environment: Mapping[str, str]) -> str:
    """Return the format; in a cluster somebody gathers the logs."""
    given = environment.get(FORMAT, "").lower()
    if given in FORMATS:
        return given
    return "json" if environment.get(_CLUSTER) else "console"


class _Console(logging.Formatter):
    """For people: time in UTC, level, logger, message, what it is about."""

    def __init__(self) -> None:
        super().__init__(_LINE, _DATE)
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line; a traceback comes below it."""
        told = " ".join(f"{name}={value}" for name, value in _about.get().items())
        line = super().formatMessage(record)
        return f"{line} [{told}]" if told else line


class _Json(logging.Formatter):
    """For programs: one object a line, whatever the message holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = time.strftime(_DATE, time.gmtime(record.created))
        told: dict[str, Any] = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_about.get(),
        }
        if hasattr(record, "audit"):
            told["audit"] = record.audit
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str).encode(errors="replace").decode()
