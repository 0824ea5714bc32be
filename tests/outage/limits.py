"""What an outage must hold; judges figures, measures nothing."""

from tests.outage.run import Outage

BYTES_PER_POINT_MAX = 7.0
POINTS_PER_S_MIN = 60_000
LIVE_P99_S_MAX = 2.0
MEMORY_GROWTH_MB_MAX = 40.0
"""Of a process, whatever the length of the outage: a chunk of two megabytes while it is read, sent and packed."""


def wrong(outage: Outage) -> list[str]:
    """Return what was not held; empty when everything was."""
    made = outage.written
    growth_mb = max(made.rss_mb - made.rss_mb_after_an_hour, outage.rss_mb_max - outage.rss_mb_begin)
    held = {
        f"{outage.bytes_per_point:.2f} bytes a point": outage.bytes_per_point <= BYTES_PER_POINT_MAX,
        f"{made.dropped} payloads dropped": made.dropped == 0,
        f"{outage.points_per_s:.0f} points/s": outage.points_per_s >= POINTS_PER_S_MIN,
        f"live p99 {outage.p99_s:.2f} s": outage.live > 0 and outage.p99_s < LIVE_P99_S_MAX,
        f"memory grew by {growth_mb:.0f} MB": growth_mb <= MEMORY_GROWTH_MB_MAX,
    }
    return [*outage.problems, *(f"not held: {words}" for words, is_held in held.items() if not is_held)]
