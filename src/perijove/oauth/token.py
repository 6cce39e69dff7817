"""/oauth2/token: a server swaps a code for a token of its visitor (RFC 6749 4.1.3)."""

import json

from starlette.responses import Response

from perijove.core import Hub
from perijove.http.asked import Fields
from perijove.http.route import Call
from perijove.http.sentences import sentence
from perijove.model.errors import BadGrant, Invalid, TooLarge

_HEADERS = {"cache-control": "no-store", "pragma": "no-cache"}
_SHOWN = 40
_UNPROVEN = "invalid_client"


async def redeem(hub: Hub, call: Call) -> Response:
    """Swap a code for a token. Errors are in the words of RFC 6749."""
    try:
        fields = await call.asked.sent_form(any_type=True)
        secret, token = await hub.grants.redeem(_once(fields))
    except BadGrant as error:
        return _refused(error.error, sentence(error.code, error.params))
    except TooLarge as error:
        return _refused("invalid_request", sentence(error.code, error.params))
    except Invalid:
        return _refused("invalid_request", sentence("bad-form", {}))
    assert token.expires is not None
    body = {
        "access_token": secret,
        "expires_in": int((token.expires - token.created).total_seconds()),
        "token_type": "Bearer",
        "scope": " ".join(token.scopes),
    }
    return Response(json.dumps(body), 200, _HEADERS, "application/json")


def _once(fields: Fields) -> dict[str, str]:
    for name, values in fields.items():
        if len(values) > 1:
            raise BadGrant("invalid-request", why=name[:_SHOWN])
    return {name: values[0] for name, values in fields.items()}


def _refused(error: str, description: str) -> Response:
    body = json.dumps({"error": error, "error_description": description})
    if error != _UNPROVEN:
        return Response(body, 400, _HEADERS, "application/json")
    asks = {"www-authenticate": f'Bearer error="{error}"'}
    return Response(body, 401, {**_HEADERS, **asks}, "application/json")
