"""What a service may be like, and what follows from its name."""

from dataclasses import replace
from urllib.parse import quote, unquote, urlsplit

from perijove.kit.storable import storable
from perijove.model.errors import Invalid
from perijove.model.scope import Scope
from perijove.model.service import CLIENT, INSIDE, Service

_LONGEST = 255
_LONGEST_CLIENT = 255
_LONGEST_URI = 2000


def prefix(base_url: str, name: str) -> str:
    """Return the path below which a service is reached."""
    return f"{base_url}services/{quote(name, safe='@~')}/"


def access(name: str) -> tuple[str, str]:
    """Return the scopes of which a person must hold one to enter a service, the narrower first."""
    return (f"access:services!service={name}", "access:services")


def named_as(service: Service, *, wanted: bool) -> Service:
    """Return `service` with an OAuth client: if one is `wanted`, or it has an address."""
    if service.client or not (wanted or service.url or service.redirect_uri):
        return service
    return replace(service, client=f"{CLIENT}{service.name}")


def require_good(service: Service) -> None:
    """Let a service be like that.

    Raises:
        Invalid: it cannot; every reason has a code of its own.
    """
    name = service.name
    if not good_name(name):
        raise Invalid("service.bad-name", service=name[:_LONGEST])
    if service.url and not good_url(service.url):
        raise Invalid("service.bad-url", service=name)
    if service.client and not good_client(service.client):
        raise Invalid("service.bad-client", service=name)
    if service.redirect_uri and not good_redirect(service.redirect_uri):
        raise Invalid("service.bad-redirect", service=name)
    if service.client and not service.url and not service.redirect_uri:
        raise Invalid("service.no-redirect", service=name)
    for text in service.allowed:
        Scope.parse(text)


def good_name(name: str) -> bool:
    """Return whether a service may be called `name`, as JupyterHub 6.1 has it."""
    return (
        1 <= len(name) <= _LONGEST
        and name.isprintable()
        and storable(name)
        and "/" not in name
        and set(name) != {"."}
        and name == name.strip() == unquote(name)
        and name not in INSIDE
    )


def good_url(url: str) -> bool:
    """Return whether `url` is one that a proxy can send people to."""
    return _is_web(url) and not urlsplit(url).username


def good_client(id: str) -> bool:
    """Return whether the OAuth client of a service may be called `id`."""
    return len(CLIENT) < len(id) <= _LONGEST_CLIENT and id.startswith(CLIENT) and id.isprintable()


def good_redirect(uri: str) -> bool:
    """Return whether people may be sent to `uri` with a code: a web page, or a path of ours."""
    below = uri.startswith("/") and not uri.startswith(("//", "/\\")) and _plain(uri)
    return (below or _is_web(uri)) and "#" not in uri and len(uri) <= _LONGEST_URI


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        there = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return there and parts.scheme in {"http", "https"} and _plain(url)


def _plain(text: str) -> bool:
    """Return whether there is nothing in `text` that could end a line of a head."""
    return text.isascii() and text.isprintable() and " " not in text and "\\" not in text
