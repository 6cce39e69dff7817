"""SIGHUP to a hub."""

import asyncio
import logging
import signal

from perijove.cli.listen import End
from perijove.core.reload import Reload
from perijove.kit.terminal import Terminal
from perijove.model.errors import HubError

logger = logging.getLogger(__name__)


class HangUps:
    """SIGHUP: read the configuration again, or end with the terminal that has closed."""

    def __init__(self) -> None:
        self._terminal = Terminal()
        self._rung = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._rung.set)

    async def heard(self, reload: Reload, end: End) -> None:
        """Do so until cancelled."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            if self._terminal.gone():
                end()
                continue
            try:
                await reload.apply()
            except (HubError, OSError) as error:  # the reasons are in the log
                logger.error("SIGHUP: the configuration of before stays (%s)", error)  # noqa: TRY400
