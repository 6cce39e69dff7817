"""What a service that the hub runs is told in its environment (hub.md 6.2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from perijove.core.service_rules import access, prefix
from perijove.model.service import CLIENT, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEnvironment:
    """Where the hub is."""

    hub: str
    """http://host:port at which services reach it."""
    base_url: str = "/"

    def __call__(self, service: Service) -> Mapping[str, str]:
        """Return the environment of `service`: its administrator's words win over ours."""
        return {**self._contract(service), **service.environment, **self._own(service)}

    def _contract(self, service: Service) -> dict[str, str]:
        scopes = json.dumps(sorted(access(service.name)))
        callback = service.redirect_uri or f"{prefix(self.base_url, service.name)}oauth_callback"
        return {
            "JUPYTERHUB_API_TOKEN": service.secret,
            "JPY_API_TOKEN": service.secret,
            "JUPYTERHUB_API_URL": f"{self.hub}{self.base_url}hub/api",
            "JUPYTERHUB_BASE_URL": self.base_url,
            "JUPYTERHUB_HOST": "",
            "JUPYTERHUB_CLIENT_ID": service.client or f"{CLIENT}{service.name}",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": callback,
            "JUPYTERHUB_OAUTH_SCOPES": scopes,
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
            "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": json.dumps(list(service.allowed)),
            "JUPYTERHUB_USER": "",
            "JUPYTERHUB_SERVER_NAME": "",
            "JUPYTERHUB_PUBLIC_URL": "",
            "JUPYTERHUB_PUBLIC_HUB_URL": "",
            "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": "0",
        }

    def _own(self, service: Service) -> dict[str, str]:
        return {
            "JUPYTERHUB_SERVICE_NAME": service.name,
            "JUPYTERHUB_SERVICE_PREFIX": prefix(self.base_url, service.name),
            **({"JUPYTERHUB_SERVICE_URL": service.url} if service.url else {}),
        }
