"""Says as whom a run acts: whoever started it, with the authority that they had then."""

from collections.abc import Iterable

from control.people.roles import Person, Role
from domain.ids import EnterpriseId


def actor(username: str, session: str, roles: Iterable[str], enterprise: str | None) -> Person:
    """Return the person."""
    return Person(
        username=username,
        display_name=username,
        roles=frozenset(Role(role) for role in roles),
        enterprise=EnterpriseId(enterprise) if enterprise is not None else None,
        session=session,
    )
