"""What the hub tells a server that it starts: the environment variables of hub.md 1.2."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_REQUIRED = (
    "JUPYTERHUB_API_TOKEN",
    "JUPYTERHUB_CLIENT_ID",
    "JUPYTERHUB_SERVICE_URL",
    "JUPYTERHUB_SERVICE_PREFIX",
    "JUPYTERHUB_API_URL",
    "JUPYTERHUB_USER",
)
_PORTS = {"http": 80, "https": 443}
_ACTIVITY_INTERVAL = 300.0


class BadEnvironment(Exception):
    """The variables do not tell enough to serve anybody; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One server's place in the hub."""

    api_url: str
    """Of the hub, without a slash at the end."""
    api_token: str
    client_id: str
    host: str
    """'', or scheme and host of the hub as a browser sees it."""
    base_url: str
    """Of the hub, with a slash at both ends; its own pages are below `hub/`."""
    prefix: str
    """Where this server lives, escaped, with a slash at both ends."""
    address: str
    """To listen on; '' means every interface."""
    port: int
    callback: str
    """The redirect URI that the hub has registered: a path, or a whole URL."""
    access: tuple[str, ...]
    """Scopes, any one of which lets a visitor in."""
    user: str
    server: str
    """'' for the default server of `user`."""
    activity_url: str
    """'' sends no activity."""
    activity_interval: float
    """Seconds."""
    default_url: str
    root: str
    cookie_host_prefix: bool
    cookie_options: Mapping[str, Any]
    token_in_url: bool
    socket_cookies: bool
    """Whether a WebSocket may be opened with the login cookie."""
    user_config: bool

    @property
    def hub_prefix(self) -> str:
        """Return the path of the hub's own pages."""
        return f"{self.base_url}hub/"

    @property
    def cookie_path(self) -> str:
        """Return where cookies are valid: `__Host-` ones must be valid everywhere."""
        return "/" if self.cookie_host_prefix else self.prefix

    def cookie_name(self, suffix: str = "") -> str:
        """Return the name of the login cookie, or of one that belongs to it."""
        return f"{'__Host-' if self.cookie_host_prefix else ''}{self.client_id}{suffix}"

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Environment":
        """Read `variables`.

        Raises:
            BadEnvironment: something is missing or makes no sense.
        """
        missing = [name for name in _REQUIRED if not variables.get(name)]
        if missing:
            raise BadEnvironment(f"not started by a hub: {', '.join(missing)} not set")

        def get(name: str, otherwise: str = "") -> str:
            return variables.get(f"JUPYTERHUB_{name}", otherwise)

        prefix = _slashed(get("SERVICE_PREFIX"))
        address, port = _listen(get("SERVICE_URL"))
        scopes = get("OAUTH_ACCESS_SCOPES") or get("OAUTH_SCOPES")
        return cls(
            api_url=get("API_URL").rstrip("/"), api_token=get("API_TOKEN"),
            client_id=get("CLIENT_ID"), host=get("HOST").rstrip("/"),
            base_url=_slashed(get("BASE_URL", "/")), prefix=prefix, address=address, port=port,
            callback=get("OAUTH_CALLBACK_URL") or f"{prefix}oauth_callback",
            access=_scopes(scopes) or _own_scopes(get("USER"), get("SERVER_NAME")),
            user=get("USER"), server=get("SERVER_NAME"), activity_url=get("ACTIVITY_URL"),
            activity_interval=_seconds(get("ACTIVITY_INTERVAL")),
            default_url=get("DEFAULT_URL"), root=get("ROOT_DIR"),
            cookie_host_prefix=_switch(get("COOKIE_HOST_PREFIX_ENABLED")),
            cookie_options=_options(get("COOKIE_OPTIONS")),
            token_in_url=_switch(get("ALLOW_TOKEN_IN_URL")),
            socket_cookies=_switch(get("ALLOW_WEBSOCKET_COOKIE_AUTH", "1")),
            user_config=not _switch(get("DISABLE_USER_CONFIG")),
        )  # fmt: skip


def _slashed(path: str) -> str:
    return f"/{path.strip('/')}/" if path.strip("/") else "/"


def _switch(text: str) -> bool:
    return text.strip().lower() not in {"", "0", "false", "no", "off"}


def _listen(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError) as error:
        raise BadEnvironment("JUPYTERHUB_SERVICE_URL is no http://host:port/path") from error


def _scopes(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text or "[]")
    except ValueError as error:
        raise BadEnvironment("JUPYTERHUB_OAUTH_ACCESS_SCOPES is no JSON list") from error
    return tuple(str(scope) for scope in found)


def _own_scopes(user: str, server: str) -> tuple[str, ...]:
    return f"access:servers!server={user}/{server}", f"access:servers!user={user}"


def _seconds(text: str) -> float:
    try:
        return float(text or _ACTIVITY_INTERVAL)
    except ValueError as error:
        raise BadEnvironment("JUPYTERHUB_ACTIVITY_INTERVAL is no number of seconds") from error


def _options(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text or "{}"))
    except (TypeError, ValueError) as error:
        raise BadEnvironment("JUPYTERHUB_COOKIE_OPTIONS is no JSON object") from error
