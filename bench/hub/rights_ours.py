"""One check of rights as our hub makes it: `python -m bench.hub.rights_ours`."""

from bench.hub.rights import GROUPS, ROLES, STUDENTS, classes, role_of_group, say, scopes
from perijove.core.access import grant
from perijove.core.roles import Roles
from perijove.model.principal import Principal
from perijove.model.role import Role
from perijove.model.scope import Kind, Target
from perijove.model.user import User


def main() -> None:
    """Make the roles; ask."""
    by_group = {role_of_group(it): frozenset({f"staff{it:02d}"}) for it in range(GROUPS)}
    own = frozenset({"teacher"})
    roles = Roles(
        [
            Role(
                name=f"role{it:02d}",
                scopes=tuple(scopes(it)),
                users=own if it not in by_group else frozenset(),
                groups=by_group.get(it, frozenset()),
            )
            for it in range(ROLES)
        ]
    )
    staff = frozenset(f"staff{it:02d}" for it in range(GROUPS))
    teacher = User(id=1, name="teacher", groups=staff)
    groups = [frozenset(classes(it)) for it in range(STUDENTS)]

    def check(student: int) -> bool:
        who = Principal(
            name=teacher.name, kind="user", groups=teacher.groups, scopes=roles.of(teacher)
        )
        name = f"student{student:03d}"
        target = Target(kind=Kind.SERVER, user=name, groups=groups[student])
        return bool(grant(who, ("start:servers",), target).filters)

    say(check)


if __name__ == "__main__":
    main()
