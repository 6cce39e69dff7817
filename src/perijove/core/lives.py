"""Lives: for how long a session is good, what a client is given, and a token of one's own."""

from dataclasses import dataclass
from datetime import timedelta

from perijove.model.errors import Invalid

_LONGEST = 100 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """What the values say of it. A change counts for what is made from then on."""

    session: timedelta = timedelta(days=14)
    client: timedelta = timedelta(days=14)
    """Of a token that a server or a service is given."""
    most: timedelta | None = None
    """Of a token that somebody makes; None: it may live for ever."""

    def token(self, seconds: object) -> timedelta | None:
        """Return how long a token may live that is to live for `seconds`; None is for ever.

        Raises:
            Invalid: that is no time, or too long.
        """
        if seconds is None:
            return self.most
        if type(seconds) is not int or not 1 <= seconds <= _LONGEST:
            raise Invalid("bad-expires-in")
        life = timedelta(seconds=seconds)
        if self.most is not None and life > self.most:
            raise Invalid("lives-too-long", seconds=int(self.most.total_seconds()))
        return life
