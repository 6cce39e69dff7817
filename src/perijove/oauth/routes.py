"""The URLs of the OAuth 2 provider."""

from pydantic import BaseModel

from perijove.http.page import page
from perijove.http.route import route
from perijove.oauth.authorize import answer, ask
from perijove.oauth.token import redeem


class GivenModel(BaseModel):
    """What a code is swapped for."""

    access_token: str
    expires_in: int
    token_type: str
    scope: str


ROUTES = (
    route("POST", "/oauth2/token", redeem, returns=GivenModel, form=True, errors=(400, 401),
          unaudited="it ends what /authorize has left an entry of",
          public="a client proves itself by its secret in the form"),
)  # fmt: skip
PAGES = (
    page("GET", "/api/oauth2/authorize", ask),
    page("POST", "/api/oauth2/authorize", answer),
)
