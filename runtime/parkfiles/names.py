"""The ids that a park declares, and whether what is written elsewhere is one of them."""

import difflib
from dataclasses import dataclass, field

from runtime.parkfiles.faults import Faults, Place


@dataclass(slots=True)
class Names:
    """The ids of one kind of thing."""

    what: str
    """The thing in words: `facility`."""
    known: dict[str, Place] = field(default_factory=dict)
    """Where each is declared, faulty ones too: they are there, only not sound."""
    is_whole: bool = True
    """False: some declaration could not be read, so that an unknown id proves nothing."""

    def declare(self, name: str, place: Place) -> None:
        """Note that `name` is declared at `place`."""
        self.known[name] = place

    def has(self, name: str, place: Place, faults: Faults) -> bool:
        """Whether `name` is known; notes a fault at `place` if it surely is not."""
        if name in self.known:
            return True
        if name and self.is_whole:
            near = difflib.get_close_matches(name, list(self.known), n=1)
            remedy = f"did you mean `{near[0]}`?" if near else f"declare the {self.what} or write a known one"
            faults.add(place, f"there is no {self.what} `{name}`", remedy=remedy, kind="unknown-reference")
        return False
