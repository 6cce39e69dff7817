"""What has expired is deleted, and how much there is is told."""

from dataclasses import replace
from datetime import timedelta

from perijove.core.sweep import Sweep
from perijove.kit.secret import digest
from perijove.model.client import Code
from perijove.model.token import Kind, Token
from perijove.store import codes, tokens
from perijove.store.database import Database
from tests.doors import Hands, entered, gate, person


async def test_what_has_expired_is_deleted_and_nothing_else(database: Database) -> None:
    hands = Hands()
    at = gate(database, hands)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    now = hands.clock()()
    hour = timedelta(hours=1)
    token = Token(
        id=0, kind=Kind.OAUTH, user_id=ada.id, user="ada", note="", scopes=(), created=now,
        expires=now + hour, client="service-x",
    )  # fmt: skip
    many = [token, replace(token, expires=now + 3 * hour), replace(token, expires=None)]
    for n, it in enumerate([*many, replace(token, kind=Kind.API)]):
        await database.write(tokens.add(replace(it, id=at.tokens.ids()), digest(f"t{n}")))
    code = Code(
        client="service-x", user_id=ada.id, session=visitor.session.session, redirect_uri="/",
        scopes=(), challenge=None, method=None, expires=now + timedelta(minutes=5),
    )  # fmt: skip
    await database.write(codes.add(code, digest("code")))
    sweep = Sweep(database=database, clock=hands.clock())
    before = {"oauth token": 3, "api token": 1, "code": 1, "session": 1}
    assert await sweep.sizes() == before
    await sweep.turn()
    assert await sweep.sizes() == before
    hands.seconds += 2 * 3600
    await Sweep(database=database, clock=hands.clock()).turn()
    assert await sweep.sizes() == {"oauth token": 2, "code": 0, "session": 1}
    hands.seconds += 15 * 86_400
    await Sweep(database=database, clock=hands.clock()).turn()
    assert await sweep.sizes() == {"oauth token": 1, "code": 0, "session": 0}
    assert await database.read(tokens.found(digest("t2")))
