"""Grants: people let a server or a service know who they are (OAuth 2, RFC 6749 and 7636).

A browser comes with a question (`ask`), is given a code, and the client swaps that for a token.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from perijove.core.allowance import allowance
from perijove.core.lives import Lives
from perijove.core.memory import Memory
from perijove.core.proof import CHALLENGE, METHODS, proves
from perijove.core.roles import Roles
from perijove.kit.clock import Clock
from perijove.kit.ids import Ids
from perijove.kit.secret import digest, letters
from perijove.kit.storable import storable
from perijove.model.client import Client, Code
from perijove.model.errors import BadGrant, Denied, Invalid, SentBack, Stale
from perijove.model.overlap import Groups, intersect, within
from perijove.model.scope import Kind as Filter
from perijove.model.scope import Scope, identify, resolved
from perijove.model.token import Kind, Token
from perijove.model.user import Standing
from perijove.model.visitor import Visitor
from perijove.store import clients, codes, sessions, tokens, users
from perijove.store.database import Database

CODE_LIFE = timedelta(seconds=300)
KEPT = timedelta(hours=1)
"""How long a used code is remembered, so that a second use takes back what it gave."""
_SECRET = 30


FindService: TypeAlias = Callable[[str], Awaitable[Client | None]]


async def _no_service(_: str) -> Client | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The query of /oauth2/authorize; '' where it says nothing."""

    client_id: str
    redirect_uri: str = ""
    response_type: str = ""
    scope: str = ""
    challenge: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a person may let a client have."""

    client: Client
    scopes: frozenset[Scope]
    confirm: bool
    """Ask them first."""
    question: Question


@dataclass(slots=True, kw_only=True)
class Grants:
    """The OAuth provider, without HTTP."""

    database: Database
    clock: Clock
    ids: Ids
    roles: Roles
    memory: Memory
    service: FindService = _no_service
    """Finds the client of a service."""
    require_proof: bool = False
    """Refuse clients that send no PKCE challenge."""
    lives: Lives = field(default_factory=Lives)

    async def client(self, id: str) -> Client | None:
        """Return the client of that id, or None."""
        service = await self.service(id)
        if service is not None:
            return service
        return await self.database.read(clients.find(id)) if storable(id) else None

    async def ask(self, visitor: Visitor, question: Question) -> Offer:
        """Return what `visitor` may let the client have.

        Raises:
            Invalid: there is no such client, or it is not to be sent there: redirect nowhere.
            SentBack: tell the client by a redirect; the parameter `to` is where.
            Denied: the visitor may not enter.
        """
        client = await self.client(question.client_id)
        if client is None:
            raise Invalid("oauth-no-client")
        if question.redirect_uri not in {"", client.redirect_uri}:
            raise Invalid("oauth-redirect")
        self._require_good(question, client)
        access = await self._access(visitor, client)
        scopes = self.roles.expand({*access, *identify(visitor.user.name)})
        more = await allowance(self.database, self.roles, visitor, client)
        given = more.held
        # Whatever it asks for, it learns who they are and that they may enter.
        if question.scope:
            asked = self._asked(question, visitor, client)
            if not within(asked, scopes | more.allowed):
                raise SentBack("invalid-scope", to=client.redirect_uri)
            given = intersect(asked, given)
        scopes |= given
        confirm = await self._must_confirm(visitor, client, scopes)
        return Offer(client=client, scopes=scopes, confirm=confirm, question=question)

    async def code(
        self, visitor: Visitor, offer: Offer, chosen: Sequence[str] | None = None
    ) -> str:
        """Return a code for the client. `chosen`: the scopes that were ticked; None is all.

        Raises:
            Stale: they have signed out meanwhile.
        """
        scopes = offer.scopes
        if chosen is not None:
            ticked = self.roles.expand(it for it in scopes if it.text in chosen) & scopes
            scopes = ticked | identify(visitor.user.name)
        now = self.clock()
        secret = letters(_SECRET)
        code = Code(
            client=offer.client.id,
            user_id=visitor.user.id,
            session=visitor.session.session,
            redirect_uri=offer.client.redirect_uri,
            scopes=tuple(sorted(scope.text for scope in scopes)),
            challenge=offer.question.challenge or None,
            method=(offer.question.method or "plain") if offer.question.challenge else None,
            expires=now + CODE_LIFE,
        )
        hold = sessions.hold(code.user_id, code.session)
        try:
            await self.database.write(
                hold, codes.purge(now - KEPT), codes.add(code, digest(secret))
            )
        except Stale:
            self.memory.forget()  # so that the next look sees who has signed out
            raise
        return secret

    async def redeem(self, form: Mapping[str, str]) -> tuple[str, Token]:
        """Return the secret of a new token, and the token, for what a client has posted.

        Raises:
            BadGrant: as RFC 6749 5.2 has it.
        """
        _require_grant_type(form.get("grant_type", ""))
        client = await self._proven(form)
        secret = digest(form.get("code", ""))
        code = await self.database.read(codes.find(secret))
        if code is None or code.client != client.id:
            raise BadGrant("invalid-grant")
        if code.token_id is not None:
            await self._take_back(code)
        self._require_match(code, form)
        token = await self._token(code, client)
        given = letters(_SECRET)
        try:
            # Of any number at once, one finds the code unspent; a signing out waits, or was first.
            hold, spend = sessions.hold(code.user_id, code.session), codes.spend(secret, token.id)
            await self.database.write(hold, spend, tokens.add(token, digest(given)))
        except Stale as error:
            again = await self.database.read(codes.find(secret))
            if again is not None:
                await self._take_back(again)
            raise BadGrant("invalid-grant") from error
        return given, token

    async def _token(self, code: Code, client: Client) -> Token:
        user = await self.database.read(users.by_id(code.user_id))
        if user is None or user.standing is not Standing.ACTIVE:
            raise BadGrant("invalid-grant")
        now = self.clock()
        return Token(
            id=self.ids(),
            kind=Kind.OAUTH,
            user_id=user.id,
            user=user.name,
            note=f"OAuth: {client.description}"[:255],
            scopes=code.scopes,
            created=now,
            expires=now + self.lives.client,
            client=client.id,
            session=code.session,
        )

    async def _proven(self, form: Mapping[str, str]) -> Client:
        client = await self.client(form.get("client_id", ""))
        shown = digest(form.get("client_secret", ""))
        if client is None or not hmac.compare_digest(client.secret, shown):
            raise BadGrant("invalid-client")
        return client

    def _require_match(self, code: Code, form: Mapping[str, str]) -> None:
        if code.expires <= self.clock():
            raise BadGrant("invalid-grant")
        if form.get("redirect_uri", "") not in {"", code.redirect_uri}:
            raise BadGrant("invalid-request", why="redirect_uri")
        if code.challenge is None:
            return
        verifier = form.get("code_verifier", "")
        if not verifier:
            raise BadGrant("invalid-request", why="code_verifier")
        if not proves(verifier, code.challenge, code.method or "plain"):
            raise BadGrant("invalid-grant")

    async def _take_back(self, code: Code) -> None:
        """Revoke what a code gave, for it was used twice."""
        if code.token_id is not None:
            await self.database.write(tokens.remove(code.token_id))
            self.memory.forget()
        raise BadGrant("invalid-grant")

    def _require_good(self, question: Question, client: Client) -> None:
        to = client.redirect_uri
        if question.response_type != "code":
            raise SentBack("unsupported-response-type", to=to)
        if question.method and question.method not in METHODS:
            raise SentBack("invalid-request", why="code_challenge_method", to=to)
        if question.challenge and not CHALLENGE.fullmatch(question.challenge):
            raise SentBack("invalid-request", why="code_challenge", to=to)
        if self.require_proof and not question.challenge:
            raise SentBack("invalid-request", why="code_challenge", to=to)

    def _asked(self, question: Question, visitor: Visitor, client: Client) -> frozenset[Scope]:
        """Return the scopes in a `scope` parameter, in which roles may stand by their name."""
        found: set[Scope] = set()
        for word in question.scope.split():
            try:
                if word == "identify":
                    found |= identify(visitor.user.name)
                    continue
                texts = self.roles.texts([word]) if self.roles.known(word) else [word]
                found |= resolved(map(self.roles.parse, texts), user=visitor.user.name)
            except Invalid as error:
                raise SentBack("invalid-scope", to=client.redirect_uri) from error
        return self.roles.expand(found)

    async def _access(self, visitor: Visitor, client: Client) -> frozenset[Scope]:
        """Return the narrowest access scope that `visitor` holds.

        Raises:
            Denied: they hold none.
        """
        groups = await self._groups(visitor, client)
        # By a wider one whoever may enter another server of its owner would come in as well.
        narrowest = [Scope.parse(text) for text in client.scopes[:1]]
        held = intersect(narrowest, visitor.principal.scopes, groups)
        if held:
            return held
        raise Denied("no-access", client=client.description)

    async def _groups(self, visitor: Visitor, client: Client) -> Groups:
        """Return the groups of the client's owner, if the visitor holds anything by a group."""
        by_group = any(scope.kind is Filter.GROUP for scope in visitor.principal.scopes)
        owner = None
        if by_group and client.owner_id is not None:
            owner = await self.database.read(users.by_id(client.owner_id))
        return {owner.name: owner.groups} if owner else {}

    async def _must_confirm(
        self, visitor: Visitor, client: Client, scopes: frozenset[Scope]
    ) -> bool:
        """Return whether to ask: not for their own server, nor for what it holds already.

        Nor of a service that the administrator answers for.
        """
        if client.owner_id == visitor.user.id or not client.asks:
            return False
        now = self.clock()
        given = await self.database.read(tokens.of_client(visitor.user.id, client.id))
        held = {
            text
            for token in given
            if token.expires is None or token.expires > now
            for text in token.scopes
        }
        return not {scope.text for scope in scopes} <= held


def _require_grant_type(grant_type: str) -> None:
    if grant_type == "refresh_token":
        raise BadGrant("unauthorized-client")
    if grant_type != "authorization_code":
        raise BadGrant("unsupported-grant-type")
