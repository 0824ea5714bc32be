"""Where a park file says what, and the list of everything wrong with it; it collects and judges nothing."""

from dataclasses import dataclass, field, replace

from domain.errors import Fault

LETTERS_MAX = 1_000
"""Letters of one part of a fault: a field's path with all its ids, or a list of what may stand there, fits."""


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
        """Note one fault at `place`; `kind` is its stable name. What is quoted from a file is cut and made printable."""
        self.found.append(
            Fault(
                file=place.file,
                line=place.line,
                field=_printable(place.field),
                message=_printable(message),
                remedy=_printable(remedy),
                kind=kind,
            )
        )


def _printable(text: str) -> str:
    """Return `text` as any terminal shows it and any file takes it."""
    if len(text) > LETTERS_MAX:
        text = f"{text[:LETTERS_MAX]}…"
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )
