"""Who may enter, of those who have proven who they are. Without a rule nobody may."""

from dataclasses import dataclass, field

from perijove.core.names import normal
from perijove.model.user import Standing, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """hub.config.Authenticator, as far as it says who may enter."""

    allow_all: bool = False
    allowed_users: frozenset[str] = field(default_factory=frozenset[str])
    admin_users: frozenset[str] = field(default_factory=frozenset[str])
    blocked_users: frozenset[str] = field(default_factory=frozenset[str])
    allow_existing_users: bool | None = None
    """Let in whoever has an account; None: yes, if `allowed_users` names anybody."""
    approved: bool = False
    """Accounts are asked for here, so whom an administrator let in may enter."""

    def __post_init__(self) -> None:
        """Compare names as they are stored."""
        for rule in ("allowed_users", "admin_users", "blocked_users"):
            names = frozenset(normal(name) for name in getattr(self, rule))
            object.__setattr__(self, rule, names)

    @property
    def any(self) -> bool:
        """Whether anything lets anybody in who is no administrator."""
        return bool(
            self.allow_all or self.allowed_users or self.allow_existing_users or self.approved
        )

    def refusal(self, name: str, user: User | None, *, admin: bool = False) -> str | None:
        """Return the code that says why `name` may not enter, or None if they may.

        `user`: their account, if they have one. `admin`: who vouched for them calls them so.
        """
        if name in self.blocked_users or (user and user.standing is Standing.BLOCKED):
            return "blocked"
        if user and user.standing is Standing.WAITING:
            return "signup.waiting"
        if user and user.standing is Standing.DECLINED:
            return "signup.declined"
        if admin or self.allow_all or name in self.admin_users or name in self.allowed_users:
            return None
        if user and (user.admin or self.approved or self._existing()):
            return None
        return "allow.users" if self.any else "allow.none"

    def admin(self, name: str, *, said: bool | None) -> bool | None:
        """Return whether `name` is an administrator by who vouches for them; None: it is open."""
        return True if name in self.admin_users else said

    def _existing(self) -> bool:
        if self.allow_existing_users is None:
            return bool(self.allowed_users)
        return self.allow_existing_users
