"""One check of rights as JupyterHub makes it: `python -m bench.hub.rights_theirs`."""

from typing import Any

from jupyterhub import orm  # type: ignore[import-untyped]
from jupyterhub.roles import create_role, get_default_roles  # type: ignore[import-untyped]
from jupyterhub.scopes import (  # type: ignore[import-untyped]
    get_scopes_for,
    has_scope,
    parse_scopes,
)

from bench.hub.rights import GROUPS, ROLES, STUDENTS, classes, role_of_group, say, scopes


def main() -> None:
    """Make the roles, in a database of the moment; ask."""
    db: Any = orm.new_session_factory("sqlite:///:memory:")()
    for role in get_default_roles():
        create_role(db, role)
    made = []
    for number in range(ROLES):
        create_role(db, {"name": f"role{number:02d}", "scopes": scopes(number)})
        made.append(orm.Role.find(db, f"role{number:02d}"))
    groups: dict[str, Any] = {}

    def group(name: str) -> Any:
        if name not in groups:
            groups[name] = orm.Group(name=name)
            db.add(groups[name])
        return groups[name]

    teacher = orm.User(name="teacher")
    db.add(teacher)
    teacher.roles = [orm.Role.find(db, "user"), *made[: ROLES // 2]]
    for number in range(GROUPS):
        teacher.groups.append(group(f"staff{number:02d}"))
        by_group = role_of_group(number)
        if by_group is not None:
            group(f"staff{number:02d}").roles.append(made[by_group])
    for number in range(STUDENTS):
        student = orm.User(name=f"student{number:03d}")
        db.add(student)
        student.groups = [group(name) for name in classes(number)]
    db.commit()

    def check(student: int) -> bool:
        held = parse_scopes(get_scopes_for(teacher))
        return bool(has_scope(f"start:servers!server=student{student:03d}/", held, db=db))

    say(check)


if __name__ == "__main__":
    main()
