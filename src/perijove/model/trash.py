"""What is known of a home in the trash: whose it was, since when, how big."""

from dataclasses import dataclass
from datetime import datetime

from perijove.model.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Whose it was; written beside the home before it is moved."""

    user: str
    user_id: int
    at: datetime
    """When it was thrown away, in aware UTC."""
    display_name: str = ""
    admin: bool = False
    heir: int = 0
    """The id of the account for which a restore was begun; 0: of none."""

    @classmethod
    def of(cls, user: User, at: datetime) -> "Label":
        """Return the label of the home of `user`."""
        return cls(
            user=user.name,
            user_id=user.id,
            at=at,
            display_name=user.display_name,
            admin=user.admin,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """One home in the trash."""

    key: str
    """What the trash calls it."""
    at: datetime
    label: Label | None = None
    """None: it was thrown away by a version that wrote down nothing."""
    size: int | None = None
    """Bytes; None: nobody has counted them yet."""
