"""The URLs of sharing, with the scopes that open them."""

from collections.abc import Iterator

from perijove.api import share_codes, shares
from perijove.api.paging import PageQuery
from perijove.api.share_codes import (
    ShareCodeBody,
    ShareCodeModel,
    ShareCodeQuery,
    ShareCodesModel,
)
from perijove.api.shares import ShareBody, ShareModel, SharesModel
from perijove.http.route import Route, route
from perijove.model.scope import Kind

USER, GROUP = "/users/{user}", "/groups/{group}"
SHARES, CODES = "/shares/{user}", "/share-codes/{user}"
SHARED = "shared/{owner}/{server}"


def _of_shares() -> Iterator[Route]:
    may, see = ("shares",), ("read:shares",)
    one = f"{SHARES}/{{server}}"
    yield route("GET", SHARES, shares.of_owner, any_of=see, target=Kind.USER, query=PageQuery,
                returns=SharesModel)  # fmt: skip
    yield route("GET", one, shares.of_server, any_of=see, target=Kind.SERVER, query=PageQuery,
                returns=SharesModel)  # fmt: skip
    yield route("POST", one, shares.give, any_of=may, target=Kind.SERVER, body=ShareBody,
                returns=ShareModel)  # fmt: skip
    yield route("PATCH", one, shares.take, any_of=may, target=Kind.SERVER, body=ShareBody,
                returns=ShareModel)  # fmt: skip
    yield route("DELETE", one, shares.take_all, any_of=may, target=Kind.SERVER, success=(204,))
    see, may = ("read:users:shares",), ("users:shares",)
    yield route("GET", f"{USER}/shared", shares.with_user, any_of=see, target=Kind.USER,
                query=PageQuery, returns=SharesModel)  # fmt: skip
    yield route("GET", f"{USER}/{SHARED}", shares.one_with_user, any_of=see, target=Kind.USER,
                returns=ShareModel)  # fmt: skip
    yield route("DELETE", f"{USER}/{SHARED}", shares.leave, any_of=may, target=Kind.USER,
                success=(204,))  # fmt: skip
    see, may = ("read:groups:shares",), ("groups:shares",)
    yield route("GET", f"{GROUP}/shared", shares.with_group, any_of=see, target=Kind.GROUP,
                query=PageQuery, returns=SharesModel)  # fmt: skip
    yield route("GET", f"{GROUP}/{SHARED}", shares.one_with_group, any_of=see, target=Kind.GROUP,
                returns=ShareModel)  # fmt: skip
    yield route("DELETE", f"{GROUP}/{SHARED}", shares.leave_of_group, any_of=may,
                target=Kind.GROUP, success=(204,))  # fmt: skip


def _of_share_codes() -> Iterator[Route]:
    may, see = ("shares",), ("read:shares",)
    one = f"{CODES}/{{server}}"
    yield route("GET", CODES, share_codes.of_owner, any_of=see, target=Kind.USER,
                query=PageQuery, returns=ShareCodesModel)  # fmt: skip
    yield route("GET", one, share_codes.of_server, any_of=see, target=Kind.SERVER,
                query=PageQuery, returns=ShareCodesModel)  # fmt: skip
    yield route("POST", one, share_codes.make, any_of=may, target=Kind.SERVER,
                body=ShareCodeBody, returns=ShareCodeModel)  # fmt: skip
    yield route("DELETE", one, share_codes.revoke, any_of=may, target=Kind.SERVER,
                query=ShareCodeQuery, success=(204,))  # fmt: skip


SHARING = (*_of_shares(), *_of_share_codes())
