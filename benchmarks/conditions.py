"""Measures one evaluation of an interlock, as the edge makes it before each write."""

from benchmarks.report import Report, Row, Size
from benchmarks.timing import seconds_each
from domain.ids import PointRef, point_ref
from domain.interlock import evaluate, parse
from domain.quality import Quality
from domain.sample import Reading

NAME = "conditions"
TEXT = "hc_pool.volume <= 1800 * m3 and not hc_diversion.fault and (hc_diversion.opened or hc_bund.closed)"


def run(size: Size) -> Report:
    values = {
        point_ref("hc_pool", "volume"): 420.0,
        point_ref("hc_diversion", "fault"): False,
        point_ref("hc_diversion", "opened"): False,
        point_ref("hc_bund", "closed"): True,
    }

    def read(point: PointRef) -> Reading:
        return Reading(value=values[point], quality=Quality.GOOD, observed_ms=0, age_s=0.1, fresh=True)

    def unit_of(point: PointRef) -> str:
        return "m3" if point.endswith("volume") else "boolean"

    expression = parse(TEXT)
    each = seconds_each(lambda: evaluate(expression, read, unit_of), size)
    of = f"an interlock over {len(expression.references)} points"
    return Report(benchmark=NAME, rows=[Row(load=of, metric="evaluate_us", value=each * 1e6, unit="µs")])
