"""What the screens are shown, and what of it changed since the last time; knows no client."""

from collections.abc import Iterable

from control.alarms.service import Alarms
from control.commands.book import Book
from control.commands.orders import Orders
from control.commands.tickets import Tickets
from control.hand import HandReports
from control.live.image import Image
from control.live.views import ViewBody, actuator_view, alarm_view, gateway_view, order_view, point_view
from control.plans.runner import Runner
from domain.ids import DeviceId, PointRef
from runtime.clock import Clock
from wire.canonical import Json

REFRESH_S = 5.0
"""Wall seconds after which an unchanged value is sent again, so that its age on the screen stays true."""
ENDED_RUNS_SHOWN = 20


class Frame:
    """The whole image for the screens."""

    def __init__(
        self,
        image: Image,
        orders: Orders,
        tickets: Tickets,
        book: Book,
        alarms: Alarms,
        runner: Runner,
        hand_reports: HandReports,
        clock: Clock,
    ) -> None:
        self._image = image
        self._orders = orders
        self._tickets = tickets
        self._book = book
        self._alarms = alarms
        self._runner = runner
        self._hand_reports = hand_reports
        self._clock = clock
        self._dirty: set[PointRef] = set()
        self._sent_s: dict[PointRef, float] = {}
        self._trust: dict[DeviceId, object] = {}
        self._actuators: dict[str, ViewBody] = {}
        self._gateways: dict[str, ViewBody] = {}
        self._orders_shown: object = None

    def touch(self, refs: Iterable[PointRef]) -> None:
        """Note points whose reading may have changed."""
        self._dirty.update(refs)

    def snapshot(self) -> dict[str, Json]:
        """Return everything as it is now."""
        now_s = self._clock.monotonic()
        park = self._image.park
        standing = self._alarms.watch.standing()
        runs = sorted(self._runner.runs.values(), key=lambda run: run.started_ms)
        return {
            **self._time(),
            "gateways": [gateway_view(self._image, gateway, now_s=now_s) for gateway in park.gateways],
            "points": {ref: point_view(self._image, ref, now_s=now_s) for ref in park.points},
            "actuators": self._all_actuators(now_s),
            "alarms": [alarm_view(alarm, self._alarms.watch, park) for alarm in standing],
            "orders": [order_view(order) for order in self._orders.all_standing()],
            "runs": [self._runner.summary(run) for run in runs[-ENDED_RUNS_SHOWN:] if run.is_over]
            + [self._runner.summary(run) for run in runs if not run.is_over],
        }

    def delta(self) -> dict[str, Json] | None:
        """Return what changed since the last call; None when nothing did."""
        now_s = self._clock.monotonic()
        found: dict[str, Json] = {}
        points = self._changed_points(now_s)
        if points:
            found["points"] = {ref: point_view(self._image, ref, now_s=now_s) for ref in points}
        actuators = {
            key: view for key, view in self._all_actuators(now_s).items() if self._actuators.get(key) != view
        }
        self._actuators.update(actuators)
        gateways = [gateway_view(self._image, gateway, now_s=now_s) for gateway in self._image.park.gateways]
        changed = [view for view in gateways if self._gateways.get(str(view["id"])) != view]
        self._gateways.update({str(view["id"]): view for view in changed})
        alarms, self._alarms.changed = self._alarms.changed, set()
        runs, self._runner.changed = self._runner.changed, set()
        if actuators:
            found["actuators"] = actuators
        if changed:
            found["gateways"] = list[Json](changed)
        if alarms:
            watch = self._alarms.watch
            found["alarms"] = [alarm_view(watch.of(rule), watch, self._image.park) for rule in sorted(alarms)]
        if runs:
            found["runs"] = [
                self._runner.summary(self._runner.runs[key])
                for key in sorted(runs)
                if key in self._runner.runs
            ]
        if self._orders.held is not self._orders_shown:
            self._orders_shown = self._orders.held
            found["orders"] = [order_view(order) for order in self._orders.all_standing()]
        return {**self._time(), **found} if found else None

    def _changed_points(self, now_s: float) -> set[PointRef]:
        for device in self._image.park.devices:
            trust = self._image.trust_of(device, now_s=now_s)
            if self._trust.get(device) != trust:
                self._trust[device] = trust
                self._dirty.update(point.ref for point in self._image.park.points_of(device))
        old = {ref for ref, at_s in self._sent_s.items() if now_s - at_s >= REFRESH_S}
        changed, self._dirty = self._dirty | old, set()
        self._sent_s.update(dict.fromkeys(changed, now_s))
        return changed

    def _all_actuators(self, now_s: float) -> dict[str, ViewBody]:
        return {
            key: actuator_view(
                self._image,
                self._orders,
                self._book,
                actuator,
                self._hand_reports.of(key),
                tickets=self._tickets.open_on(key),
                now_s=now_s,
                now_ms=self._clock.now_ms(),
            )
            for key, actuator in self._image.park.actuators.items()
        }

    def _time(self) -> dict[str, Json]:
        return {"model_time_ms": self._clock.now_ms(), "speed": self._clock.speed}
