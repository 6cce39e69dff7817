"""An API server of tests that knows who may do what."""

import json
from collections.abc import Collection

from tests.kubernetes.api_server import Answer, ApiServer, Request, Script

WHO = "system:serviceaccount:school:hub"


def denying(denied: Collection[str] = ()) -> Script:
    """Return what answers reviews of rights: everything is allowed but `denied`, "list pods"."""

    def answered(request: Request) -> Answer | None:
        if request.path.endswith("/selfsubjectreviews"):
            return _made({"userInfo": {"username": WHO}})
        if not request.path.endswith("/selfsubjectaccessreviews"):
            return None
        about = json.loads(request.body)["spec"]["resourceAttributes"]
        below = f"/{about['subresource']}" if about["subresource"] else ""
        return _made({"allowed": f"{about['verb']} {about['resource']}{below}" not in denied})

    return answered


def reviewed(server: ApiServer) -> int:
    """Return how often a right was asked for."""
    return sum(it.path.endswith("/selfsubjectaccessreviews") for it in server.requests)


def _made(status: dict[str, object]) -> Answer:
    return Answer(201, json.dumps({"status": status}).encode())
