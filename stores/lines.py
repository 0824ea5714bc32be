"""Line protocol: samples as the text that InfluxDB 2 and VictoriaMetrics take.

Nothing may be sent that a server would throw away with a friendly answer: numbers are finite, names are ids. A good value is
the field `value`; any other is `doubted`, beside `uncertain` or `bad` with the code that says why: whoever asks the server for
`value` alone is never shown a value that is not good.
"""

import math

import numpy as np

from domain.ids import ParkId, PointRef
from domain.quality import Quality
from stores.codes import BADNESS
from stores.port import Columns

MEASUREMENT = "stoplog"
"""With VictoriaMetrics the series are `stoplog_value`, `stoplog_doubted`, `stoplog_uncertain` and `stoplog_bad`."""
REFUSED = f"{MEASUREMENT}_refused"
"""Samples in conflict with a stored one are kept under this name."""
VALUE, DOUBTED = "value", "doubted"
CODE_FIELDS = {Quality.UNCERTAIN: "uncertain", Quality.BAD: "bad"}
LAYOUTS_MAX = 10_000
"""Tuples of points whose text is remembered; beyond, all is forgotten and made again."""

_TIME = "@"
"""Stands for the time; no id holds it."""
_CODE_FIELDS = ("", *CODE_FIELDS.values())


class LineEncoder:
    """Writes one park's lines; remembers the text around the numbers for each layout of payloads."""

    def __init__(self, park: ParkId) -> None:
        self._park = park
        self._layouts: dict[tuple[PointRef, ...], str] = {}

    def encode(self, samples: Columns) -> str:
        """Return one line for each sample, each ended, times in milliseconds."""
        points, times, values, codes = samples
        if not points:
            return ""
        if not codes.any() and (times == times[0]).all():
            # The usual case: one read of a device, all of it good.
            assert np.isfinite(values).all(), "judged before"
            return self._layout(points).replace(_TIME, str(times[0])) % tuple(values.tolist())
        return "".join(
            self._line(MEASUREMENT, *cell)
            for cell in zip(points, times.tolist(), values.tolist(), codes.tolist(), strict=True)
        )

    def refused(self, samples: Columns) -> str:
        """Return the lines of samples in conflict."""
        columns = (samples.times_ms.tolist(), samples.values.tolist(), samples.codes.tolist())
        return "".join(
            self._line(REFUSED, *cell) for cell in zip(samples.points, *columns, strict=True)
        )  # fmt: skip

    def _layout(self, points: tuple[PointRef, ...]) -> str:
        text = self._layouts.get(points)
        if text is None:
            if len(self._layouts) >= LAYOUTS_MAX:
                self._layouts.clear()
            # Ids and point references hold no blank, comma, equals, percent or at sign: nothing is to be escaped.
            text = "".join(f"{self._head(MEASUREMENT, point)} {VALUE}=%r {_TIME}\n" for point in points)
            self._layouts[points] = text
        return text

    def _head(self, name: str, point: PointRef) -> str:
        return f"{name},park={self._park},point={point}"

    def _line(self, name: str, point: PointRef, at_ms: int, value: float, code: int) -> str:
        if code == 0:
            assert math.isfinite(value), "judged before"
            fields = f"{VALUE}={value!r}"
        elif math.isnan(value):
            fields = f"{_CODE_FIELDS[BADNESS[code]]}={code}"
        else:
            assert math.isfinite(value), "judged before"
            fields = f"{DOUBTED}={value!r},{_CODE_FIELDS[BADNESS[code]]}={code}"
        return f"{self._head(name, point)} {fields} {at_ms}\n"
