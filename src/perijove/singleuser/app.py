"""The server itself: Jupyter Server and JupyterLab with our sign-in put into it."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_server.serverapp import ServerApp
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler
from traitlets.config import Config

from perijove.kit.clock import Clock
from perijove.singleuser.activity import Activity
from perijove.singleuser.environment import BadEnvironment, Environment
from perijove.singleuser.greeting import VERSION, greet
from perijove.singleuser.hub import Hub
from perijove.singleuser.key import cookie_key
from perijove.singleuser.meters import Meters
from perijove.singleuser.notice import EXTENSIONS, StopHandler
from perijove.singleuser.paths import under
from perijove.singleuser.provider import HubAuthorizer, HubIdentityProvider
from perijove.singleuser.sockets import Sockets
from perijove.singleuser.visitors import Visitors

_HEADERS = {
    "X-JupyterHub-Version": VERSION,
    "Content-Security-Policy": "frame-ancestors 'none'",
}


class SingleUserApp(ServerApp):
    """One server of one user, as the hub's environment describes it."""

    no_browser_open_file = True
    failed = False
    """Whether it ended because there is no hub."""
    _environment: Environment
    _tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def config_file_paths(self) -> list[str]:
        """Return where configuration is read, without the user's own if the hub says so."""
        paths = [str(path) for path in super().config_file_paths]
        if self._environment.user_config:
            return paths
        home = Path.home()
        return [path for path in paths if not Path(path).is_relative_to(home)]

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Read the environment before anything else."""
        try:
            self._environment = Environment.read(os.environ)
        except BadEnvironment as error:
            self.log.critical("%s", error)
            self.exit(1)
        super().initialize(*args, **kwargs)

    def load_config_file(self, *args: Any, **kwargs: Any) -> None:
        """Put what the hub says above the files; the command line stays above both."""
        super().load_config_file(*args, **kwargs)
        chosen = Config(_QUIET)
        chosen.merge(self.config)
        chosen.ServerApp.update(self._from_hub())
        self.update_config(chosen)

    def _from_hub(self) -> dict[str, Any]:
        environment = self._environment
        files = self.config.ServerApp
        found: dict[str, Any] = {
            "identity_provider_class": HubIdentityProvider,
            "authorizer_class": HubAuthorizer,
            "ip": environment.address,
            "port": environment.port,
            "port_retries": 0,
            "base_url": environment.prefix,
            "default_url": files.get("default_url") or environment.default_url or "/lab",
            "cookie_secret": cookie_key(environment.api_token),
            "allow_remote_access": True,
            "allow_unauthenticated_access": files.get("allow_unauthenticated_access", False),
            "allow_root": True,  # the hub has decided who runs this
            "answer_yes": True,
            "open_browser": False,
            "quit_button": False,
            "trust_xheaders": True,
        }
        if environment.root:
            found["root_dir"] = str(Path(environment.root).expanduser())
        return found

    def init_configurables(self) -> None:
        """Give the provider, which Jupyter Server makes, what it works with."""
        super().init_configurables()
        self._clock = Clock()
        self._hub = Hub(self._environment)
        self._visitors = Visitors(self._hub, self._clock)
        provider = self.identity_provider
        assert isinstance(provider, HubIdentityProvider)
        self._sockets = Sockets(provider.welcome)
        provider.work_with(self._environment, self._hub, self._visitors, self._sockets)

    def init_webapp(self) -> None:
        """Add the headers of hub.md 1.3, the page's configuration, and one spelling of paths."""
        provider = self.identity_provider
        assert isinstance(provider, HubIdentityProvider)
        settings = dict(self.tornado_settings)
        settings["headers"] = {**_HEADERS, **settings.get("headers", {})}
        settings["page_config_hook"] = provider.page_config
        self.tornado_settings = settings
        super().init_webapp()
        self.web_app.find_handler = _respelled(  # type: ignore[method-assign]
            self._environment.prefix, self.web_app.find_handler
        )

    def init_signal(self) -> None:
        """End in order for SIGINT as for SIGTERM: nobody is there to be asked."""
        super().init_signal()
        signal.signal(signal.SIGINT, self._signal_stop)

    async def _post_start(self) -> None:
        await super()._post_start()  # type: ignore[no-untyped-call]
        meters = self._meters()
        log: logging.Logger = self.log
        activity = Activity(self._environment, self._hub, self._clock, meters.last, log)
        path = f"{self._environment.prefix}api/perijove/stop"
        self.web_app.add_handlers(".*$", [(path, StopHandler, {"activity": activity})])  # type: ignore[no-untyped-call]
        self._tasks = (
            asyncio.create_task(activity.run()),
            asyncio.create_task(self._sockets.run()),
            asyncio.create_task(self._greet()),
        )

    def _meters(self) -> Meters:
        """Return meters that hear of every request; `/api/status` tells what they say."""
        meters = Meters(self.web_app.settings, self._clock)
        tell = self.web_app.log_request

        def told(handler: RequestHandler) -> None:
            meters.served(handler.request, handler.get_status())
            tell(handler)

        self.web_app.log_request = told  # type: ignore[method-assign]
        self.web_app.last_activity = (  # type: ignore[method-assign]
            lambda: meters.last() or self._clock()
        )
        return meters

    async def _greet(self) -> None:
        if not await greet(self._hub, self.log):
            self.failed = True
            self.stop()

    async def _cleanup(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._visitors.close()
        await super()._cleanup()
        self._hub.close()


_QUIET = {
    "FileContentsManager": {"delete_to_trash": False},
    "LabApp": {
        "extra_labextensions_path": [EXTENSIONS],
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    },
}
"""Unless a file says otherwise: nobody here updates JupyterLab or sees the host's trash."""


def _respelled(prefix: str, find: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap Tornado's `find_handler`: `/user/%61da/` is `/user/ada/`."""

    def respelled(request: HTTPServerRequest, **kwargs: Any) -> Any:
        path = under(prefix, request.path)
        if path != request.path:
            request.path = path
            request.uri = f"{path}?{request.query}" if request.query else path
        return find(request, **kwargs)

    return respelled
