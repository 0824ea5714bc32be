"""Where a park file says what, and the list of everything wrong with it; it collects and judges nothing."""

from dataclasses import dataclass, field, replace

from domain.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A spot in a park file."""

    file: str
    """As a person would type it."""
    line: int
    """1-based; 0 for the whole file."""
    field: str
    """Dotted path, `plans.close_hc.steps[2].action`."""

    def below(self, name: str, *, line: int | None = None) -> "Place":
        """Return the place of the field `name` inside this one, on this line unless `line` is given."""
        path = f"{self.field}.{name}" if self.field else name
        return replace(self, field=path, line=self.line if line is None else line)


@dataclass(slots=True)
class Faults:
    """Every fault found so far."""

    found: list[Fault] = field(default_factory=list)

    def add(self, place: Place, message: str, *, remedy: str, kind: str) -> None:
        """Note one fault at `place`; `kind` is its stable name."""
        self.found.append(
            Fault(
                file=place.file, line=place.line, field=place.field, message=message, remedy=remedy, kind=kind
            )
        )
