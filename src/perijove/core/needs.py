"""Needs: what the life cycle is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from perijove.core.ask import ask
from perijove.core.cookies import CookieRules
from perijove.core.cull import Ask, Culling
from perijove.core.devices import DeviceSettings
from perijove.core.domains import Domains
from perijove.core.followers import Awaited
from perijove.core.launch import Overrides, no_overrides
from perijove.core.leases import Rhythm
from perijove.core.naming import Naming
from perijove.core.options import Profiles
from perijove.core.orphans import Policy
from perijove.core.place import Names, PlaceSettings
from perijove.core.ready import Knocker, knock
from perijove.core.teller import TellerSettings
from perijove.kit.clock import Clock
from perijove.kit.timings import Timings
from perijove.model.decide import Patience
from perijove.model.idle import Lifetime
from perijove.spawners import Spawner
from perijove.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """All of it; core.lifecycle puts the parts together from it."""

    database: Database
    spawner: Callable[[str], Spawner]
    """Takes the id of the instance."""
    key: bytes
    """What the tokens of servers are derived from; a secret of the data directory."""
    hub: str = "http://127.0.0.1:8081"
    """Where servers and proxies reach the hub itself."""
    base_url: str = "/"
    domains: Domains = field(default_factory=Domains)
    cookies: CookieRules = field(default_factory=CookieRules)
    clock: Clock = field(default_factory=Clock)
    patience: Patience = field(default_factory=Patience)
    knock: Knocker = knock
    ask: Ask = ask
    limit: int | None = None
    """How many servers may be starting at once; None: any number."""
    most: int | None = None
    """How many servers may be not at rest; None: any number."""
    replaces: str | None = None
    """The id of a lost database whose servers are adopted."""
    orphans: Policy = Policy.REPORT
    places: PlaceSettings = field(default_factory=PlaceSettings)
    devices: DeviceSettings = field(default_factory=DeviceSettings)
    names: Names | None = None
    """How the place where servers run names them; None: it does not care."""
    listen: tuple[str, int] = ("127.0.0.1", 8888)
    """Where a server listens; the port, unless one was reserved for it."""
    naming: Naming = field(default_factory=Naming)
    profiles: Profiles = field(default_factory=Profiles)
    command: tuple[str, ...] = ("perijove-singleuser",)
    default_url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    overrides: Overrides = no_overrides
    in_cluster: bool = False
    """Whether servers are pods."""
    awaits_proxies: Awaited = field(default_factory=Awaited)
    timings: Timings = field(default_factory=Timings)
    lifetime: Lifetime = field(default_factory=Lifetime)
    """How long servers may run."""
    culling: Culling = field(default_factory=Culling)
    replica: str = ""
    """What this hub is called among those that share the database; empty: it is alone."""
    rhythm: Rhythm = field(default_factory=Rhythm)
    tells: TellerSettings | None = None
    """The proxy that is told its routes; None: proxies pull them."""
