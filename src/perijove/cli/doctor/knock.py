"""Knock at addresses as a browser does: is somebody healthy there, do WebSockets get through?"""

import http.client
from urllib.parse import urlsplit

from perijove.cli.connection import believing, connection

_OK = 200
_PATIENCE = 5.0
SILENT = "nothing answers there"
"""What is wrong where nobody listens."""


def healthy(url: str) -> str:
    """Return what is wrong with whoever answers at `url`; nothing if all is well."""
    place = urlsplit(url)
    line = connection(place.scheme, place.hostname or "", place.port, _PATIENCE)
    try:
        line.request("GET", place.path)
        status = line.getresponse().status
    except ConnectionRefusedError:
        return SILENT
    except (OSError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    finally:
        line.close()
    return "" if status == _OK else f"HTTP {status}"


def echoed(url: str) -> str:
    """Return why a WebSocket to `url` does not say back what it is told; nothing if it does."""
    from websockets.exceptions import InvalidStatus, WebSocketException  # noqa: PLC0415 - rare
    from websockets.sync.client import connect  # noqa: PLC0415

    said = "perijove doctor"
    try:
        secure = believing(urlsplit(url).hostname or "") if url.startswith("wss:") else None
        with connect(
            url, ssl=secure, open_timeout=_PATIENCE, close_timeout=1, proxy=None
        ) as socket:
            socket.send(said)
            heard = socket.recv(timeout=_PATIENCE)
    except InvalidStatus as error:
        return f"HTTP {error.response.status_code}"
    except (OSError, TimeoutError, WebSocketException) as error:
        return str(error) or type(error).__name__
    return "" if heard == said else "it says something else"
