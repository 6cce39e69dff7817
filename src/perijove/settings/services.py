"""`hub.services`: programs beside the hub."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from perijove.core.names import normal, user_name
from perijove.core.service_rules import good_name, named_as, require_good
from perijove.kit.secret import digest
from perijove.kit.section import Traits
from perijove.model.errors import Invalid
from perijove.model.service import Service

_TOKEN = re.compile(r"[\x21-\x7e]{8,64}")
_PLACEHOLDER = re.compile(
    r"<.*>|\$?\{.*\}|\.{2,}|…+|\*+|x{3,}|change.?me|replace.?me|todo|(your|my).?(secret|token)",
    re.IGNORECASE,
)
_WRONG = {
    "service.bad-name": "a service cannot be called that: it has no slash and no %, is not"
    " perijove-cli or perijove-proxy, and neither begins nor ends with a space",
    "service.bad-url": "url must be http://host:port or https://host:port",
    "service.bad-client": "oauth_client_id must begin with service-",
    "service.bad-redirect": "oauth_redirect_uri must be a path, or begin with http:// or https://",
    "service.no-redirect": "without url, oauth_redirect_uri must say where people come back to",
    "bad-scope": "oauth_client_allowed_scopes holds one that does not exist",
}


class ServiceSettings(Traits):
    """`hub.services.<name>`: a program beside the hub."""

    name: str = ""
    """What the API calls it; its key if unset."""
    admin: bool = False
    """It may do all that an administrator may; better is a role that names it."""
    api_token: str | None = Field(
        default=None,
        validation_alias=AliasChoices("api_token", "apiToken"),
        json_schema_extra={"secret": True},
    )
    """Its token, of 8 to 64 characters. Without one it cannot call the API, unless the hub runs it
    and makes one."""
    url: str = ""
    """Where it listens, http://host:port; people reach it below /services/<name>/."""
    command: tuple[str, ...] = ()
    """What the hub runs, one word or a list of words; unset: somebody else runs it."""
    cwd: str = ""
    """The folder in which the hub runs it."""
    environment: dict[str, str] = Field(default={}, json_schema_extra={"secret": True})
    """More environment variables of what the hub runs."""
    user: str = ""
    """The Unix account as which the hub runs it; unset: its own. Needs root."""
    oauth_client_id: str = ""
    """What it is called at sign-in; unset: service-<name>."""
    oauth_redirect_uri: str = ""
    """Where people come back to; unset: /services/<name>/oauth_callback."""
    oauth_client_allowed_scopes: tuple[str, ...] = ()
    """What it may be given by people who hold it and allow it."""
    oauth_roles: tuple[str, ...] = ()
    """The same as roles; better is `oauth_client_allowed_scopes`, which wins."""
    oauth_no_confirm: bool = False
    """People are not asked whether it may learn who they are."""
    display: bool = True
    """People see it on their pages."""
    info: dict[str, Any] = Field(default={})
    """Notes of your own; those who may read services see them."""
    timeout: int = Field(default=30, ge=1)
    """Seconds that it may take to answer before the log says that it does not."""
    kind: str = ""
    """managed or external; it follows from `command`."""

    @field_validator("api_token")
    @classmethod
    def _secret(cls, token: str | None) -> str | None:
        return token if token is None else _good_token(token)

    @field_validator("command", mode="before")
    @classmethod
    def _words(cls, command: Any) -> Any:
        if isinstance(command, str):
            return (command,) if command else ()
        return tuple(command) if isinstance(command, list) else command

    @field_validator("command")
    @classmethod
    def _something(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if command and not command[0].strip():
            raise ValueError("names no command")
        if any("\0" in word for word in command):
            raise ValueError("holds a NUL")
        return command

    @field_validator("environment", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        """Take numbers and booleans as text."""
        return {k: _text(it) for k, it in given.items()} if isinstance(given, Mapping) else given

    @field_validator("environment")
    @classmethod
    def _settable(cls, given: dict[str, str]) -> dict[str, str]:
        for name, value in given.items():
            if not name or "=" in name or "\0" in name + value:
                raise ValueError(f"{name!r} cannot be an environment variable")
        return given

    @field_validator("info")
    @classmethod
    def _told(cls, info: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(info, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError("info must be what JSON can say") from None
        return info

    @model_validator(mode="after")
    def _kinds(self) -> "ServiceSettings":
        kind = "managed" if self.command else "external"
        if self.kind and self.kind != kind:
            raise ValueError(f"kind is {self.kind!r}, but by its command it is {kind}")
        only = {"cwd": self.cwd, "user": self.user, "environment": self.environment}
        alone = sorted(name for name, value in only.items() if value and not self.command)
        if alone:
            raise ValueError(f"{', '.join(alone)}: the hub runs it only if it has a command")
        return self

    def service(self, key: str) -> Service:
        """Return it as the core knows it."""
        oauth = (self.oauth_client_id, self.oauth_client_allowed_scopes, self.oauth_roles)
        service = Service(
            name=self.name or key,
            admin=self.admin,
            url=self.url,
            token=digest(self.api_token) if self.api_token else "",
            client=self.oauth_client_id,
            redirect_uri=self.oauth_redirect_uri,
            allowed=self.oauth_client_allowed_scopes,
            roles=() if self.oauth_client_allowed_scopes else self.oauth_roles,
            asks=not self.oauth_no_confirm,
            display=self.display,
            info=self.info,
            timeout=self.timeout,
            configured=True,
            command=self.command,
            cwd=self.cwd,
            environment=self.environment,
            user=self.user,
            secret=self.api_token or "",
        )
        return named_as(service, wanted=any(oauth) or self.oauth_no_confirm)


def configured(
    services: Mapping[str, ServiceSettings],
    listed: Sequence[ServiceSettings] = (),
    tokens: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, Service]:
    """Return the services of the configuration, by name.

    `services`: of hub.services. `listed`, `tokens`: of hub.config.JupyterHub. A name that only
    `tokens` has is a service that calls the API and no more.

    Raises:
        ValueError: one of them cannot be like that, or two are the same.
    """
    found: dict[str, Service] = {}
    seen: dict[str, str] = {}
    for key, it in _both(services, listed):
        service = it.service(key)
        try:
            require_good(service)
        except Invalid as error:
            raise ValueError(f"{key}: {_WRONG.get(error.code, error.code)}") from None
        own = {"name": service.name, "client": service.client, "token": service.token}
        for word, value in own.items():
            other = seen.setdefault(f"{word} {value}", key) if value else key
            if other != key:
                raise ValueError(f"{key} and {other} have the same {word}")
        found[service.name] = service
    for name, texts in (tokens or {}).items():
        known = found.get(name, Service(name=name, configured=True))
        digests = [digest(text) for text in texts]
        for whose in (seen.get(f"token {it}") for it in digests):
            if whose is not None and seen.get(f"name {name}") != whose:
                raise ValueError(f"service_tokens gives {name} the token of {whose}")
        found[name] = _with(known, digests)
    return found


def require_apart(services: Mapping[str, Service], people: Mapping[str, Iterable[str]]) -> None:
    """Let no service have the token of a person.

    Raises:
        ValueError: one does.
    """
    owners = {token: name for name, it in services.items() for token in it.tokens}
    for user, texts in people.items():
        for service in (owners.get(digest(text)) for text in texts):
            if service is not None:
                raise ValueError(
                    f"api_tokens gives {user} the token of the service {service}: make another"
                    " with `openssl rand -hex 32`"
                )


def _both(
    services: Mapping[str, ServiceSettings], listed: Sequence[ServiceSettings]
) -> Iterator[tuple[str, ServiceSettings]]:
    yield from services.items()
    for at, it in enumerate(listed):
        yield f"hub.config.JupyterHub.services[{at}]", it


def _with(service: Service, digests: Sequence[str]) -> Service:
    """Return `service` with more tokens; what only others run is known by the first of them."""
    more = service.more | frozenset(digests)
    first = service.token or ("" if service.command else digests[0])
    return replace(service, token=first, more=more - {first})


def _good_token(token: str) -> str:
    if not token.strip() or _PLACEHOLDER.fullmatch(token.strip()):
        raise ValueError(
            "a placeholder stands where a secret belongs: make one with `openssl rand -hex 32`"
        )
    if not _TOKEN.fullmatch(token):
        raise ValueError("a token has 8 to 64 letters, digits and marks, and no spaces")
    return token


def _by_name(given: Any) -> Any:
    """Return {name: tokens} of {token: name}: a key is told in messages, and a token is not."""
    if not isinstance(given, Mapping):
        return given
    found: dict[str, list[str]] = {}
    for at, (token, name) in enumerate(given.items(), 1):
        # Neither is told: whoever writes them the wrong way round has a token for a name.
        if not isinstance(name, str):
            raise ValueError(f"line {at} is not `token: name`, both of them texts")  # noqa: TRY004
        try:
            found.setdefault(name, []).append(_good_token(str(token)))
        except ValueError as error:
            raise ValueError(f"line {at} is not `token: name`: {error}") from None
    return {name: tuple(tokens) for name, tokens in found.items()}


def _of_services(tokens: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    for name in tokens:
        if not good_name(name):
            raise ValueError(_WRONG["service.bad-name"])
    return tokens


def _of_people(tokens: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, texts in tokens.items():
        try:
            user_name(name)
        except Invalid as error:
            raise ValueError(f"nobody may be called what is said there ({error.code})") from None
        found[normal(name)] = (*found.get(normal(name), ()), *texts)
    return found


def _named(services: tuple[ServiceSettings, ...]) -> tuple[ServiceSettings, ...]:
    for at, it in enumerate(services):
        if not it.name:
            raise ValueError(f"the item {at} has no name, which each of them needs")
    return services


_Tokens = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_by_name)]
ServiceList = Annotated[tuple[ServiceSettings, ...], AfterValidator(_named)]
ServiceTokens = Annotated[_Tokens, AfterValidator(_of_services)]
UserTokens = Annotated[_Tokens, AfterValidator(_of_people)]


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value
