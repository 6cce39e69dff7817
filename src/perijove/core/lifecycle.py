"""The life cycle as one part: everything that starts, follows and ends servers, put together."""

import asyncio
from dataclasses import dataclass

from perijove.core.activity import Activity
from perijove.core.admission import Admission
from perijove.core.credentials import Credentials
from perijove.core.cull import Culler
from perijove.core.devices import Allotment
from perijove.core.ends import Ends
from perijove.core.feed import Feed
from perijove.core.gauges import Gauges
from perijove.core.instances import own
from perijove.core.launch import Launcher
from perijove.core.leases import Shared
from perijove.core.needs import Needs
from perijove.core.orphans import Orphans
from perijove.core.place import Places
from perijove.core.progress import Progress
from perijove.core.reconcile import Reconciler
from perijove.core.rings import Rings
from perijove.core.servers import Servers
from perijove.core.teller import Teller, teller
from perijove.core.transition import Transitions
from perijove.core.visits import Visits
from perijove.core.wishes import Wishes
from perijove.kit.ids import Ids
from perijove.kit.timings import Timings
from perijove.model.instance import Instance
from perijove.spawners import Spawner
from perijove.store import phase_log, servers
from perijove.store.database import SharedDatabase
from perijove.store.replicas import Replica


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """What it is made of, and what runs in the background."""

    instance: Instance
    spawner: Spawner
    transitions: Transitions
    reconciler: Reconciler
    servers: Servers
    feed: Feed
    progress: Progress
    activity: Activity
    visits: Visits
    timings: Timings
    ends: Ends
    culler: Culler
    gauges: Gauges
    rings: Rings | None = None
    """What is told to the other hubs, if there may be any."""
    teller: Teller | None = None
    """Tells a proxy its routes, if it does not pull them."""

    def rerouted(self) -> None:
        """Take note that other routes than those of servers were written."""
        self.feed.heard()
        self.feed.tell()

    async def run(self) -> None:
        """Run until cancelled. No server ends with it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.feed.run())
            tasks.create_task(self.activity.run())
            tasks.create_task(self.reconciler.run())
            tasks.create_task(self.culler.run())
            tasks.create_task(self.gauges.run())
            tasks.create_task(self.servers.allotment.look())
            if self.rings:
                tasks.create_task(self.rings.run())
            if self.teller:
                tasks.create_task(self.teller.run())


async def assemble(needs: Needs) -> Lifecycle:
    """Return a life cycle that does not run yet."""
    database, clock = needs.database, needs.clock
    instance = await own(database, needs.replaces)
    await database.write(servers.not_later(clock()))
    spawner = needs.spawner(instance.id)
    credentials = Credentials(
        instance=instance.id, key=needs.key, base_url=needs.base_url, domains=needs.domains
    )
    ids = Ids(clock, after=await database.read(phase_log.latest()))
    admission = Admission(needs.limit, shared=bool(needs.replica))
    transitions = Transitions(clock=clock, ids=ids, credentials=credentials, admission=admission)
    feed = _feed(needs)
    places = Places(settings=needs.places, instance=instance.id, names=needs.names)
    reconciler = _reconciler(needs, instance, spawner, transitions, places, feed)
    rings = _rings(needs, reconciler, ids())
    activity = Activity(database=database, clock=clock, feed=feed)
    ends = Ends(database=database, clock=clock, activity=activity, lifetime=needs.lifetime)
    return Lifecycle(
        instance=instance,
        spawner=spawner,
        transitions=transitions,
        reconciler=reconciler,
        servers=_servers(needs, reconciler),
        feed=feed,
        progress=reconciler.progress,
        activity=activity,
        visits=Visits(database=database, clock=clock, ids=transitions.ids),
        timings=needs.timings,
        ends=ends,
        culler=_culler(needs, ends, reconciler),
        gauges=Gauges(gauge=spawner.gauge, clock=clock),
        rings=rings,
        teller=teller(needs.tells, feed, activity, reconciler.leases),
    )


def renew(life: Lifecycle, needs: Needs) -> None:
    """Go by `needs` from now on, in all that can be changed while servers run."""
    servers, reconciler = life.servers, life.reconciler
    servers.naming, servers.profiles = needs.naming, needs.profiles
    servers.wishes.most = needs.most
    servers.allotment.settings = needs.devices
    launcher = _launcher(needs, life.transitions)
    reconciler.launch, reconciler.patience_with = launcher, launcher.patience
    reconciler.patience = reconciler.orphans.patience = needs.patience
    life.ends.lifetime = needs.lifetime
    life.culler.renew(needs.culling)
    reconciler.admission.limit = needs.limit
    for key in reconciler.admission.next():
        reconciler.ring(key)


def _culler(needs: Needs, ends: Ends, reconciler: Reconciler) -> Culler:
    return Culler(
        ends=ends,
        nudge=reconciler.nudge,
        secret=reconciler.transitions.credentials.secret,
        ask=needs.ask,
        base_url=needs.base_url,
        culling=needs.culling,
        leases=reconciler.leases,
    )


def _rings(needs: Needs, reconciler: Reconciler, id: int) -> Rings | None:
    """Let other hubs drive their share, if there may be any."""
    database, feed = needs.database, reconciler.feed
    if not (needs.replica and isinstance(database, SharedDatabase)):
        return None
    rings = Rings(database=database, server=reconciler.heard, routes=feed.heard)
    reconciler.leases = Shared(
        database=database,
        me=Replica(id=id, name=needs.replica),
        rhythm=needs.rhythm,
        tell=rings.tell_server,
    )
    reconciler.progress.drives = reconciler.leases.holds
    feed.tell = rings.tell_routes
    return rings


def _servers(needs: Needs, reconciler: Reconciler) -> Servers:
    allotment = Allotment(
        database=needs.database, devices=reconciler.spawner.devices, settings=needs.devices
    )
    wishes = Wishes(
        database=needs.database,
        transitions=reconciler.transitions,
        admission=reconciler.admission,
        allotment=allotment,
        enter=reconciler.enter,
        nudge=reconciler.nudge,
        shelf=reconciler.progress.shelf,
        most=needs.most,
    )
    return Servers(
        database=needs.database,
        transitions=reconciler.transitions,
        wishes=wishes,
        check=reconciler.check,
        discard=reconciler.spawner.remove_storage,
        places=reconciler.places,
        allotment=allotment,
        naming=needs.naming,
        profiles=needs.profiles,
        shelf=wishes.shelf,
    )


def _reconciler(
    needs: Needs,
    instance: Instance,
    spawner: Spawner,
    transitions: Transitions,
    places: Places,
    feed: Feed,
) -> Reconciler:
    launcher = _launcher(needs, transitions)
    return Reconciler(
        database=needs.database,
        spawner=spawner,
        launch=launcher,
        patience_with=launcher.patience,
        knock=needs.knock,
        transitions=transitions,
        admission=transitions.admission,
        orphans=Orphans(
            database=needs.database,
            spawner=spawner,
            transitions=transitions,
            instance=instance,
            patience=needs.patience,
            policy=needs.orphans,
        ),
        feed=feed,
        progress=Progress(
            database=needs.database,
            spawner=spawner,
            admission=transitions.admission,
            clock=needs.clock,
            in_cluster=needs.in_cluster,
        ),
        base_url=needs.base_url,
        places=places,
        patience=needs.patience,
        timings=needs.timings,
    )


def _feed(needs: Needs) -> Feed:
    return Feed(
        database=needs.database, hub=needs.hub, base_url=needs.base_url, domains=needs.domains,
        clock=needs.clock, timings=needs.timings, awaits=needs.awaits_proxies,
    )  # fmt: skip


def _launcher(needs: Needs, transitions: Transitions) -> Launcher:
    return Launcher(
        instance=transitions.credentials.instance,
        credentials=transitions.credentials,
        base_url=needs.base_url,
        hub=needs.hub,
        command=needs.command,
        listen=needs.listen,
        default_url=needs.default_url,
        environment=needs.environment,
        overrides=needs.overrides,
        cookies=needs.cookies,
    )
