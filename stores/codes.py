"""Quality and reason as one small number, the same in every store; positions are for ever, new reasons go at the end."""

import numpy as np

from domain.quality import Quality, Reason

_REASONS = (
    Reason.STALE,
    Reason.LINK,
    Reason.RANGE,
    Reason.FROZEN,
    Reason.CONTRADICTION,
    Reason.SENSOR_FAULT,
    Reason.CALIBRATION,
    Reason.MANUAL,
    Reason.CLOCK,
    Reason.GAP,
    Reason.ILLEGAL_ADDRESS,
    Reason.RATE,
)

MEANINGS: tuple[tuple[Quality, Reason | None], ...] = (
    (Quality.GOOD, None),
    (Quality.UNCERTAIN, None),
    (Quality.BAD, None),
    *((quality, reason) for reason in _REASONS for quality in (Quality.UNCERTAIN, Quality.BAD)),
)
"""By code."""

_BADNESS = {Quality.GOOD: 0, Quality.UNCERTAIN: 1, Quality.BAD: 2}
BADNESS = np.array([_BADNESS[quality] for quality, _ in MEANINGS], np.uint8)
"""By code: 0 good, 1 uncertain, 2 bad."""

_CODES = {meaning: code for code, meaning in enumerate(MEANINGS)}


def code_of(quality: Quality, reason: Reason | None) -> int:
    """Return the code, 0–255; a good value has no reason."""
    return 0 if quality is Quality.GOOD else _CODES[quality, reason]
