"""Line protocol: samples as the text that InfluxDB 2 and VictoriaMetrics take.

Nothing may be sent that a server would throw away with a friendly answer: numbers are finite, names are ids.
"""

import math
from collections.abc import Iterable

from domain.ids import ParkId
from stores.codes import code_of
from stores.port import Row

MEASUREMENT = "stoplog"
"""With VictoriaMetrics the series are `stoplog_value` and `stoplog_code`."""


def encode_lines(park: ParkId, rows: Iterable[Row], *, name: str = MEASUREMENT) -> str:
    """Return one line for each row, times in milliseconds; a row without a value has a code only."""
    return "\n".join(_line(name, park, row) for row in rows)


def _line(name: str, park: ParkId, row: Row) -> str:
    # Ids and point references hold no blank, comma or equals sign: nothing is to be escaped.
    code = f"code={code_of(row.quality, row.reason)}"
    if row.value is None:
        fields = code
    else:
        assert math.isfinite(row.value), "judged before"
        fields = f"value={row.value!r},{code}"
    return f"{name},park={park},point={row.point} {fields} {row.observed_ms}"
