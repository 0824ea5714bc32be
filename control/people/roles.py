"""Who a person is to the service, and which facilities they may see and act on; decides, knows no passwords."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.ids import EnterpriseId, FacilityId
from domain.park import Facility, Park


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
