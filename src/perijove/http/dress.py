"""Dress: the headers that every response has (hub.md 2.1)."""

from starlette.responses import Response

VERSION = "6.1.1"
"""Of the JupyterHub whose contract we keep: what clients compare theirs with."""
_POLICY = b"content-security-policy"


class Dress:
    """Puts them on. `hub`: the path of the hub, `/hub`."""

    def __init__(self, hub: str) -> None:
        report = f"frame-ancestors 'none'; report-uri {hub}/security/csp-report"
        self._report = f"; report-uri {hub}/security/csp-report".encode()
        self._common = [
            (b"x-jupyterhub-version", VERSION.encode()),
            (b"access-control-allow-headers", b"accept, content-type, authorization"),
            (b"x-content-type-options", b"nosniff"),
        ]
        self._api = [*self._common, (_POLICY, f"{report}; default-src 'none'".encode())]
        self._page = [*self._common, (_POLICY, report.encode())]

    def __call__(self, answer: Response, request: str, *, of_api: bool) -> None:
        """Put them on the answer to `request`.

        A policy that a page has of its own stays, and is reported to.
        """
        headers = answer.raw_headers
        headers.append((b"x-request-id", request.encode()))
        if not of_api:
            for at, (name, value) in enumerate(headers):
                if name == _POLICY:
                    headers[at] = (name, value + self._report)
                    answer.raw_headers = [*headers, *self._common]
                    return
        answer.raw_headers = [*headers, *(self._api if of_api else self._page)]
