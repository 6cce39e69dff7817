"""`cull`: when servers that nobody uses are stopped."""

from datetime import timedelta

from pydantic import Field

from perijove.kit.section import Section
from perijove.model.idle import Lifetime


class CullSettings(Section):
    """`cull`."""

    enabled: bool = True
    """Stop servers that nobody uses. What computes, a terminal at work among it, is used; an open
    tab is not."""
    timeout: int | None = Field(default=3600, ge=0)
    """Stop a server that nobody has used for so many seconds. 0 or null: never."""
    every: int | None = Field(default=600, ge=0)
    """Look at least every so many seconds; what is due sooner is looked at when it is."""
    max_age: int | None = Field(default=0, ge=0)
    """Stop a server so many seconds after its start, used or not. 0 or null: never."""
    warn: int = Field(default=600, ge=0)
    """Tell people so many seconds before."""
    extend_max: int | None = Field(default=7200, ge=0)
    """How many seconds longer people may have a server that nobody uses. 0 or null: none."""
    concurrency: int | None = Field(default=10, ge=0)
    """How many servers are asked at the same time whether they are in use."""
    remove_named_servers: bool | None = False
    """Forget named servers when they are stopped; files are kept."""
    users: bool | None = False
    """Delete people as well, of whom nothing runs: who have done nothing for `timeout` seconds, or
    whose account is older than `maxAge`. Homes become what those of deleted people do."""
    admin_users: bool | None = False
    """Administrators as well; Zero-to-JupyterHub's default is true."""

    @property
    def lifetime(self) -> Lifetime:
        """Return how long servers may run."""
        return Lifetime(
            timeout=_seconds(self.timeout) if self.enabled else None,
            max_age=_seconds(self.max_age) if self.enabled else None,
            warn=timedelta(seconds=self.warn),
            extend=timedelta(seconds=self.extend_max or 0),
        )


def _seconds(number: int | None) -> timedelta | None:
    return timedelta(seconds=number) if number else None
