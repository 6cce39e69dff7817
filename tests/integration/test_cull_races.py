"""Who comes back in the moment of a cull keeps their server, whenever that is (bar 13)."""

import asyncio
import random
from contextlib import suppress
from datetime import timedelta

from perijove.core.ask import Said
from perijove.core.lifecycle import Lifecycle
from perijove.model.errors import Untimely
from perijove.model.idle import Lifetime
from perijove.model.server import Desired, Phase
from perijove.model.user import User
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.bar import size
from tests.doors import Hands
from tests.integration.test_crash import settle
from tests.life import hub, row, user

RACES = size(13, 200, 10_000)
AT_ONCE = 50
HOUR = timedelta(hours=1)


class Race:
    """Fifty people whose servers are due; half of them come back just then."""

    def __init__(self) -> None:
        self.chance, self.hands = random.Random(13), Hands()
        self.answered = set[str]()
        self.life: Lifecycle

    async def ask(self, address: str, prefix: str, token: str) -> Said:
        del address, token
        await asyncio.sleep(self.chance.random() * 0.01)
        self.answered.add(prefix.split("/")[2])
        return Said(None, busy=False)

    async def begin(self, people: list[User]) -> None:
        self.answered.clear()
        for person in people:
            await settle(self.life.reconciler, f"jupyter-{person.name}")  # what was culled
            with suppress(Untimely):  # it runs
                await self.life.servers.start(person, "", {})
            await settle(self.life.reconciler, f"jupyter-{person.name}")

    async def run(self, people: list[User]) -> set[str]:
        """Cull; return who had come back before their server had answered."""
        self.hands.move(HOUR + timedelta(minutes=1))
        back = self.chance.sample(people, AT_ONCE // 2)
        turn = asyncio.ensure_future(self.life.culler.turn())
        came = await asyncio.gather(*map(self._come_back, back))
        await turn
        return {name for name in came if name}

    async def _come_back(self, person: User) -> str:
        await asyncio.sleep(self.chance.random() * 0.008)
        now = self.life.transitions.clock()
        await self.life.activity.report(person, None, {"": now})
        return "" if person.name in self.answered else person.name


async def test_who_comes_back_keeps_a_server_and_who_does_not_has_none(database: Database) -> None:
    race, kept, gone = Race(), 0, 0
    race.life = await hub(
        database,
        FakeSpawner("i"),
        clock=race.hands.clock(),
        ask=race.ask,
        lifetime=Lifetime(timeout=HOUR, extend=HOUR),
    )
    people = [await user(race.life, f"u{n}") for n in range(AT_ONCE)]
    while kept + gone < RACES:
        await race.begin(people)
        came = await race.run(people)
        for person in people:
            found = await row(database, f"jupyter-{person.name}")
            if person.name in came:
                assert found.desired is Desired.RUNNING, f"{person.name} was there"
                assert found.phase is Phase.RUNNING
                kept += 1
            elif found.desired is Desired.STOPPED:
                gone += 1
        await race.life.activity.flush()
    assert min(kept, gone) > RACES / 10, (kept, gone)
