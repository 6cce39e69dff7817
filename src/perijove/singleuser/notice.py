"""What JupyterLab asks its server: is it stopped soon? lab/perijove-notice shows it."""

from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from perijove.singleuser.activity import Activity

EXTENSIONS = str(Path(__file__).with_name("lab"))
"""Where JupyterLab finds our extension."""


class StopHandler(APIHandler):
    """GET api/perijove/stop."""

    auth_resource = "api"
    _track_activity = False

    def initialize(self, activity: Activity) -> None:
        """Keep who knows."""
        self._activity = activity

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Say what the hub has said, asked again when a stop is near."""
        found: dict[str, Any] = await self._activity.stop()
        await self.finish(found)
