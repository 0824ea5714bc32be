"""The bodies that clients send, each with its bounds."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from control.people.policy import LENGTH_MAX, LENGTH_MIN, PIN_DIGITS_MAX, PIN_DIGITS_MIN
from control.people.roles import Role
from control.people.tokens import DAYS_MAX
from domain.command import Action


def _kept(text: str) -> str:
    """Raise ValueError for what PostgreSQL keeps in no text: it would be refused for ever, and all that waits behind it."""
    if "\0" in text:
        message = "a text without U+0000"
        raise ValueError(message)
    return text


Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16,64}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(_kept)]
Said = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_kept)
]
Username = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9._-]{1,31}$")]
Password = Annotated[str, StringConstraints(min_length=LENGTH_MIN, max_length=LENGTH_MAX)]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9 ]{6,7}$")]
Token = Annotated[str, StringConstraints(min_length=1, max_length=200)]

MS_MAX = 253_402_300_800_000
"""The end of the year 9999, in milliseconds."""


class Body(BaseModel):
    """An unknown field is an error: nobody gets more by asking for it."""

    model_config = ConfigDict(extra="forbid")


class NewCheck(Body):
    actuator: Id


class NewConfirmation(Body):
    item: Annotated[str, StringConstraints(pattern=r"^[a-z]+:[a-z0-9_:]{1,80}$")]
    note: Text = ""


class NewSignature(Body):
    witness: Said
    """Who watched beside the gate."""
    note: Text = ""


class NewVoid(Body):
    reason: Said


class Setup(Body):
    token: Token
    username: Username
    display_name: Said
    password: Password


class SignIn(Body):
    username: Annotated[str, StringConstraints(max_length=100)]
    password: Annotated[str, StringConstraints(max_length=LENGTH_MAX)]
    code: Code | None = None
    """The second factor's six digits, for who has one."""


class NewPassword(Body):
    old: Annotated[str, StringConstraints(max_length=LENGTH_MAX)]
    new: Password


class Unlock(Body):
    password: Annotated[str, StringConstraints(max_length=LENGTH_MAX)]
    code: Code | None = None


class Proof(Body):
    """One of the two."""

    password: Annotated[str, StringConstraints(max_length=LENGTH_MAX)] | None = None
    code: Code | None = None


class NewPin(Body):
    pin: Annotated[str, StringConstraints(pattern=f"^[0-9]{{{PIN_DIGITS_MIN},{PIN_DIGITS_MAX}}}$")]


class NewFactor(Body):
    secret: Annotated[str, StringConstraints(pattern=r"^[A-Z2-7]{32}$")]
    code: Code


class UserChange(Body):
    """What is absent stays as it is."""

    display_name: Said | None = None
    roles: Annotated[list[Role], Field(min_length=1, max_length=len(Role))] | None = None
    is_disabled: bool | None = None
    password: Password | None = None
    """A new one for who has forgotten theirs; they must change it before they move anything away from safe."""


class NewToken(Body):
    name: Said
    roles: Annotated[list[Role], Field(min_length=1, max_length=len(Role))]
    enterprise: Id | None = None
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 90


class Link(Body):
    token: Token


class NewUser(Body):
    username: Username
    display_name: Said
    password: Password
    roles: Annotated[list[Role], Field(min_length=1, max_length=len(Role))]
    enterprise: Id | None = None


class Parameters(Body):
    opening_percent: Annotated[float, Field(ge=0, le=100)] | None = None

    def given(self) -> dict[str, float]:
        """Return what was given."""
        return {} if self.opening_percent is None else {"opening_percent": self.opening_percent}


class NewTicket(Body):
    """A wish to move something away from safe."""

    actuator: Id
    action: Action
    parameters: Parameters = Parameters()
    reason: Text = ""


class NewSelect(Body):
    actuator: Id
    action: Action
    parameters: Parameters = Parameters()
    reason: Text = ""
    ticket: Hex | None = None
    """The operation ticket (操作票) to which another person has agreed."""


class NewCommand(Body):
    actuator: Id
    action: Action
    parameters: Parameters = Parameters()
    reason: Text = ""
    select: Hex | None = None
    accept_warnings: Annotated[
        list[Annotated[str, StringConstraints(max_length=2000)]], Field(max_length=40)
    ] = []
    """Warnings as they were shown: the code, then the names of its values, in order, with a space between them."""


class NewRun(Body):
    content_hash: Hex
    reason: Text = ""
    accept_warnings: bool = False


class NewApproval(Body):
    """One of the two: the river moves under a dispatch order, or by an emergency override that is recorded as one."""

    dispatch_order: Said | None = None
    emergency: Said | None = None
    """Why it moves without a dispatch order."""
    clearance: Literal[True]
    """People and boats are clear, seen by video and warned by sound and light: the second person says so, or does not approve."""

    @model_validator(mode="after")
    def _one_basis(self) -> Self:
        if (self.dispatch_order is None) == (self.emergency is None):
            message = "dispatch_order or emergency, one of the two"
            raise ValueError(message)
        return self


class NewProposalRun(Body):
    source: Id
    """The facility where the spill is."""
    content_hash: Hex
    reason: Text = ""


class NewOrder(Body):
    """An order that keeps an actuator at its safe position."""

    actuator: Id
    reason: Said


class NewReopening(Body):
    content_hash: Hex
    """Of what was shown: orders, samples, stages and definitions."""
    reason: Said


class NewConsent(Body):
    """The second person's word on a reopening; for a river sluice with one of the two grounds."""

    content_hash: Hex
    dispatch_order: Said | None = None
    emergency: Said | None = None
    clearance: Literal[True]
    """People and boats are clear."""


class Nothing(Body):
    """An empty object."""


class NewAcknowledgement(Body):
    occurrence: Annotated[int, Field(ge=1)]
    severity: Annotated[int, Field(ge=1, le=3)]


class NewTag(Body):
    actuator: Id
    reason: Said
    until_ms: Annotated[int, Field(ge=0, le=MS_MAX)] | None = None


class NewLift(Body):
    reason: Said


class NewOverride(Body):
    actuator: Id
    interlock: Id
    reason: Said
    until_ms: Annotated[int, Field(ge=0, le=MS_MAX)]


class Agreement(Body):
    content_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of what the second person was shown."""


class NewHandReport(Body):
    by: Said
    position: Literal["open", "closed", "between"]
    note: Text = ""
