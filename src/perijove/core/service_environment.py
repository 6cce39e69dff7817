"""What a service that the hub runs is told in its environment (hub.md 6.2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from perijove.core.cookies import CookieRules
from perijove.core.domains import Domains
from perijove.core.service_rules import access, prefix
from perijove.model.service import CLIENT, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEnvironment:
    """Where the hub is."""

    hub: str
    """http://host:port at which services reach it."""
    base_url: str = "/"
    domains: Domains = field(default_factory=Domains)
    cookies: CookieRules = field(default_factory=CookieRules)

    def __call__(self, service: Service) -> Mapping[str, str]:
        """Return the environment of `service`: its administrator's words win over ours."""
        return {**self._contract(service), **service.environment, **self._own(service)}

    def _contract(self, service: Service) -> dict[str, str]:
        scopes = json.dumps(sorted(access(service.name)))
        site, path = self.domains.site, prefix(self.base_url, service.name)
        own = self.domains.of_service(service.name)
        return {
            "JUPYTERHUB_API_TOKEN": service.secret,
            "JPY_API_TOKEN": service.secret,
            "JUPYTERHUB_API_URL": f"{self.hub}{self.base_url}hub/api",
            "JUPYTERHUB_BASE_URL": self.base_url,
            "JUPYTERHUB_HOST": site,
            "JUPYTERHUB_CLIENT_ID": service.client or f"{CLIENT}{service.name}",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": service.redirect_uri or f"{own}{path}oauth_callback",
            "JUPYTERHUB_OAUTH_SCOPES": scopes,
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
            "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": json.dumps(list(service.allowed)),
            "JUPYTERHUB_USER": "",
            "JUPYTERHUB_SERVER_NAME": "",
            "JUPYTERHUB_PUBLIC_URL": f"{own or site}{path}" * bool(own or site),
            "JUPYTERHUB_PUBLIC_HUB_URL": f"{site}{self.base_url}hub/" * bool(site),
            **self.cookies.environment,
        }

    def _own(self, service: Service) -> dict[str, str]:
        return {
            "JUPYTERHUB_SERVICE_NAME": service.name,
            "JUPYTERHUB_SERVICE_PREFIX": prefix(self.base_url, service.name),
            **({"JUPYTERHUB_SERVICE_URL": service.url} if service.url else {}),
        }
