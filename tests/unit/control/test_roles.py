"""Who a person is at a position, and how far their area goes."""

from dataclasses import replace

import pytest

from control.people.roles import Person, Role, facilities_of
from control.people.standing import Needs, Standing, lacking
from domain.ids import FacilityId
from tests.unit.control.world import OUTLET, PARK, RIVER, person

EVERYTHING = frozenset(PARK.facilities)


@pytest.mark.parametrize("standing", Standing)
def test_only_at_a_locked_position_is_somebody_seen_as_with_their_pin(standing: Standing) -> None:
    """What a plan would do is shown as it will be once the PIN is given; nobody else comes to more, or to less."""
    who = replace(person(Role.OPERATOR), standing=standing)
    expected = Standing.PIN if standing is Standing.LOCKED else standing
    assert who.with_pin == replace(who, standing=expected)


def test_the_service_s_own_hand_has_no_session_and_was_proved_when_it_began() -> None:
    own = Person(username="zhao", display_name="赵", roles=frozenset({Role.OPERATOR}))
    assert (own.session, own.standing, own.enterprise) == ("", Standing.FRESH, None)


@pytest.mark.parametrize("standing", Standing)
def test_who_has_not_even_given_a_pin_is_named_by_the_position(standing: Standing) -> None:
    who = replace(person(Role.OPERATOR), standing=standing)
    is_known = lacking(standing, Needs.PIN) is None
    assert who.as_author == (who if is_known else replace(who, username="position:zhao"))


@pytest.mark.parametrize(
    ("who", "is_confined", "area"),
    [
        (person(Role.OPERATOR), False, EVERYTHING),
        (person(Role.ENTERPRISE, Role.OPERATOR), False, EVERYTHING),
        (person(Role.ENTERPRISE, enterprise="hc"), True, {OUTLET}),
        (person(Role.SHIFT_CHIEF, enterprise="hc"), True, {OUTLET}),
        (person(Role.ENTERPRISE, enterprise="ly"), True, frozenset()),
        (person(Role.ENTERPRISE), True, frozenset()),
    ],
)
def test_an_area_is_the_whole_park_or_one_enterprise_s_own(
    who: Person, is_confined: bool, area: frozenset[FacilityId]
) -> None:
    """Of whoever is of an enterprise that nobody has named, nothing is the own: least of all what belongs to none."""
    assert PARK.facilities[RIVER].enterprise is None
    assert who.is_confined is is_confined
    assert facilities_of(who, PARK) == area
    assert {key for key, facility in PARK.facilities.items() if who.reaches(facility)} == area
