"""Who a person is to the service, and which facilities they may see and act on; decides, knows no passwords."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from control.people.standing import Needs, Standing, lacking
from domain.ids import EnterpriseId, FacilityId
from domain.park import Facility, Park

POSITION = "position:"
"""Begins the author of what was done at a locked position by nobody knows whom; the rest is who had signed in there."""


class Role(StrEnum):
    """What a person may be; one person may be several."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    SHIFT_CHIEF = "shift_chief"
    ENGINEER = "engineer"
    AUDITOR = "auditor"
    ENTERPRISE = "enterprise"
    """Somebody of one enterprise: sees and asks for its own facilities only."""
    SYSTEM = "system"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is signed in."""

    username: str
    display_name: str
    roles: frozenset[Role]
    enterprise: EnterpriseId | None = None
    session: str = ""
    """Hash of the session's token; two persons are two identities in two sessions (I9)."""
    standing: Standing = Standing.FRESH
    """How well they have proved who they are; whoever finds a session says it. Without one it is the service's own hand: a
    plan's run, which asked when it was begun."""

    @property
    def as_author(self) -> "Person":
        """Who is named for what this person does: at a locked position without a PIN it may be anybody's hand."""
        if lacking(self.standing, Needs.PIN) is None:
            return self
        return replace(self, username=f"{POSITION}{self.username}")

    @property
    def with_pin(self) -> "Person":
        """Who it will be once the PIN is given, which a locked position is asked for when it starts something, not when it looks."""
        return replace(self, standing=Standing.PIN) if self.standing is Standing.LOCKED else self

    @property
    def is_confined(self) -> bool:
        """Whether only one enterprise's facilities exist for this person."""
        return self.enterprise is not None or self.roles == {Role.ENTERPRISE}

    def has(self, roles: Iterable[Role]) -> bool:
        """Whether the person has one of `roles`."""
        return not self.roles.isdisjoint(roles)

    def reaches(self, facility: Facility) -> bool:
        """Whether `facility` is within the person's area."""
        return not self.is_confined or (
            self.enterprise is not None and facility.enterprise == self.enterprise
        )


def facilities_of(person: Person, park: Park) -> frozenset[FacilityId]:
    """Return the facilities within the person's area."""
    return frozenset(facility.id for facility in park.facilities.values() if person.reaches(facility))
