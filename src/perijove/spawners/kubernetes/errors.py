"""What an API server refuses, by name, and what it means that none answers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from perijove.model.errors import Away

_RBAC = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]*)"(?: in API group "(?P<group>[^"]*)")?'
)
"""What the authorizer says; an admission plugin answers 403 as well, in other words."""
_LONGEST = 2000


class BadKubeconfig(ValueError):
    """A kubeconfig that cannot be used; its text is one sentence or two, with the next step."""


class ClusterError(Exception):
    """Base of everything that a call to a cluster raises on purpose."""


class Unreachable(ClusterError, Away):
    """The cluster cannot be read now; what is in it is unknown, which is never "gone".

    A write may have been carried out or not: look, then ask again.
    """

    def __init__(self, why: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__()
        self.why = why
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        """Return what went wrong, for logs: the code is for people."""
        return self.why


class Silent(Unreachable):
    """A watch stands open, and nothing is heard of it for longer than can be."""


class Throttled(Unreachable):
    """The API server has too much to do; `retry_after` is in seconds. Nothing was done."""

    def __init__(self, retry_after: float, why: str = "the API server asks for patience") -> None:
        super().__init__(why, status=HTTPStatus.TOO_MANY_REQUESTS)
        self.retry_after = retry_after


class Unauthenticated(Unreachable):
    """The API server does not know us: a token has expired, or was never its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A `Status` of the Kubernetes API (meta/v1), of what was not done."""

    status: int
    reason: str = ""
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    genuine: bool = True
    """Whether it is an API server that says so."""

    @property
    def causes(self) -> list[tuple[str, str, str]]:
        """Return (reason, message, field) of each thing that is wrong with an object."""
        return [
            (it.get("reason", ""), it.get("message", ""), it.get("field", ""))
            for it in self.details.get("causes") or []
        ]


class Refusal(ClusterError):
    """The API server has understood, and will not."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message or answer.reason or f"HTTP {answer.status}")
        self.answer = answer
        self.status = answer.status
        self.reason = answer.reason
        self.message = answer.message
        self.details = answer.details


class Exists(Refusal):
    """There is one of that name already."""


class Missing(Refusal):
    """There is none of that name."""


class Changed(Refusal):
    """It is not the one that was meant (another uid), or somebody else was faster."""


class Expired(Refusal):
    """The version to go on from is too old: list again."""


class Rejected(Refusal):
    """Refused for what it is: invalid, beyond a quota, or turned away at admission.

    `reason`, `message` and `details` are the API server's, so that the three can be told apart.
    """


class Postponed(ClusterError, OSError):
    """Refused for now; the same may be taken later."""


class Forbidden(Refusal, OSError):
    """A right is missing: `verb` on `resource`. What cannot be read is unknown, not gone."""

    def __init__(self, answer: Answer, verb: str, resource: str) -> None:
        super().__init__(answer)
        self.verb = verb
        self.resource = resource


def of(status: int, body: bytes, retry_after: float | None = None) -> ClusterError:
    """Return what an answer that is not 2xx means; `retry_after` is in seconds."""
    answer = read(status, body)
    passing = _passing(answer, retry_after)
    if passing is not None:
        return passing
    match status:
        case HTTPStatus.FORBIDDEN:
            return _forbidden(answer)
        case HTTPStatus.NOT_FOUND:
            return Missing(answer)
        case HTTPStatus.CONFLICT:
            return Exists(answer) if answer.reason == "AlreadyExists" else Changed(answer)
        case HTTPStatus.GONE:
            return Expired(answer)
        case _:
            return Rejected(answer)


def read(status: int, body: bytes) -> Answer:
    """Return the `Status` in `body`; what stands between us and the API server may say anything."""
    try:
        said = json.loads(body)
    except ValueError:
        said = body.decode(errors="replace").strip()[:_LONGEST]
    if not isinstance(said, dict) or said.get("kind") != "Status":
        words = said if isinstance(said, str) and said else f"HTTP {status}"
        return Answer(status, message=words, genuine=False)
    return Answer(
        status,
        said.get("reason") or "",
        (said.get("message") or f"HTTP {status}")[:_LONGEST],
        said.get("details") or {},
    )


def _passing(answer: Answer, retry_after: float | None) -> Unreachable | None:
    """Return the error if it says nothing of what was asked, only that it was not answered."""
    status = answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(1.0 if retry_after is None else retry_after, answer.message)
    if status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after is not None:
        return Throttled(retry_after, answer.message)
    if status == HTTPStatus.UNAUTHORIZED:
        return Unauthenticated(answer.message, status=status, reason=answer.reason)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not answer.genuine:
        # A load balancer's 404 must never be read as "there is no such pod".
        return Unreachable(answer.message, status=status, reason=answer.reason)
    return None


def _forbidden(answer: Answer) -> Refusal:
    found = _RBAC.search(answer.message)
    if found is None:
        return Rejected(answer)
    group = found["group"]
    resource = f"{found['resource']}.{group}" if group else found["resource"]
    return Forbidden(answer, found["verb"], resource)
