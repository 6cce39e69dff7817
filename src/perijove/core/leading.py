"""Leading: where people are led who sign in, sign out, or come to a server that does not run."""

from dataclasses import dataclass, fields


@dataclass(slots=True, kw_only=True)
class Leading:
    """What the settings say of it; the hub goes by one, which a reload changes."""

    to_server: bool | None = None
    """Who has signed in comes to their server, which is started if it does not run; False: to
    the home page; None: to their server if it runs, else to the home page."""
    default_url: str = ""
    """Where who has signed in comes to instead."""
    default_server: str = ""
    """The server that /hub/user-redirect leads to; '': the default one."""
    most_redirects: int = 4
    """Redirects, after which the proxy and the hub do not agree about where a server is."""
    gone: int = 424
    """The status of what is said of a server that does not run."""
    starts_after: float = 0.0
    """Seconds after which a page about such a server starts it by itself; 0: it does not."""
    stops_on_leaving: bool = False
    """Who signs out stops their servers."""
    stays_out: bool = False
    """Who signs out is not led to the page that signs in: it might do so by itself."""

    def renew(self, told: "Leading") -> None:
        """Go by what is `told` from now on."""
        for each in fields(self):
            setattr(self, each.name, getattr(told, each.name))
