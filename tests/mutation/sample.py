"""Draws some of a module's mutants by a seed, always the same ones; runs nothing."""

import hashlib
import math
from dataclasses import dataclass

from tests.mutation.modules import Module
from tests.mutation.operators import Mutant

LEAST = 4
"""Mutants of each module that are drawn at least."""


@dataclass(frozen=True)
class Sample:
    """One mutant in `one_in`, of each module. A denser sample of the same seed holds a thinner one."""

    one_in: int = 1
    seed: int = 1
    is_of_functions: bool = False
    """Leave out what is decided at import, whose mutants are the dearest."""

    def of(self, module: Module) -> list[Mutant]:
        """Return the drawn mutants in the order of the text."""
        count = max(LEAST, math.ceil(len(module.mutants) / self.one_in))
        drawn = sorted(module.mutants, key=lambda mutant: self._place(module, mutant))[:count]
        kept = (mutant for mutant in drawn if mutant.is_function or not self.is_of_functions)
        return sorted(kept, key=lambda mutant: mutant.number)

    def _place(self, module: Module, mutant: Mutant) -> str:
        return hashlib.sha256(f"{self.seed} {module.name} {mutant.number}".encode()).hexdigest()

    @property
    def words(self) -> str:
        """Say what was drawn."""
        of = " What is decided at import was left out." if self.is_of_functions else ""
        if self.one_in == 1:
            return f"Every mutant was made, none was sampled; nothing was drawn by chance.{of}"
        return f"**A sample**: one mutant in {self.one_in} of each module (at least {LEAST}), drawn by the seed {self.seed}.{of}"
