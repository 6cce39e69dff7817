"""Visitor: a person in a browser in which they have signed in."""

from dataclasses import dataclass

from perijove.model.principal import Principal
from perijove.model.token import Session
from perijove.model.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who they are, the row of their session, and all they may do."""

    user: User
    session: Session
    principal: Principal
