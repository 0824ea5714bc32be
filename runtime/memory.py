"""Settles a process's memory when its start is over: what was needed once goes back, and what stays is not searched again."""

import ctypes
import gc

THRESHOLDS = (20_000, 20, 50)
"""Allocations until a young collection, young ones until a middle, middle ones until a full one: a service in its stride makes
few cycles, and a full search takes milliseconds in which no poll is answered."""


def unsettle() -> None:
    """Search everything again: a start anew in this process leaves behind what the last one took for permanent."""
    gc.unfreeze()


def settle() -> None:
    """Collect, give free pages back to the system, and take what is left for permanent."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc has it, others do not
        trim(0)
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
