"""The live image: what every point of the park says now and how far that may be trusted; decides, sends nothing."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from control.live.pulse import Pulse
from control.live.session import Session
from domain.ids import DeviceId, FacilityId, GatewayId, PointRef
from domain.interlock import BOOLEAN
from domain.park import Actuator, Park
from domain.position import Indication, indicate
from domain.quality import Quality, Reason, worst
from domain.sample import NEVER_READ, Reading, Value
from wire.heartbeat import Heartbeat
from wire.sparkplug import Metric, Payload
from wire.topics import Kind


@dataclass(frozen=True, slots=True)
class Held:
    """The last that was received of one point."""

    value: Value | None
    quality: Quality
    reason: Reason | None
    observed_ms: int


class Image:
    """What is known of one park's points."""

    def __init__(self, park: Park) -> None:
        self.park = park
        self.sessions: Mapping[GatewayId, Session] = {gateway: Session() for gateway in park.gateways}
        self.pulses: Mapping[GatewayId, Pulse] = {gateway: Pulse() for gateway in park.gateways}
        self._held: dict[PointRef, Held] = {}
        self._points = {
            device: tuple(point.ref for point in park.points_of(device)) for device in park.devices
        }

    def take(
        self, kind: Kind, gateway: GatewayId, device: DeviceId | None, payload: Payload
    ) -> tuple[PointRef, ...]:
        """Take one Sparkplug message; return the points whose reading may now be another."""
        session = self.sessions.get(gateway)
        if session is None:
            return ()
        hold, born = session.hold, len(session.born)
        is_usable = session.take(kind, device, payload)
        if device is None or (session.hold, len(session.born)) != (hold, born) or kind is Kind.DDEATH:
            changed = (
                tuple(self.points_of(gateway)) if device is None or session.hold != hold else self._of(device)
            )
        else:
            changed = ()
        if not is_usable or device is None or kind is Kind.DDEATH:
            return changed
        is_birth = kind is Kind.DBIRTH
        taken = [self._keep(device, metric, payload, is_birth=is_birth) for metric in payload.metrics]
        return changed or tuple(ref for ref in taken if ref is not None)

    def hear(self, heartbeat: Heartbeat, *, now_s: float) -> bool:
        """Take a heartbeat; return whether it was a new one of a gateway of this park."""
        pulse = self.pulses.get(heartbeat.gateway)
        is_back = pulse is not None and not pulse.is_heard(now_s=now_s)
        if pulse is None or not pulse.take(heartbeat, now_s=now_s):
            return False
        self.sessions[heartbeat.gateway].heard(heartbeat, is_back=is_back)
        return True

    def doubt_all(self) -> None:
        """Hold every point: our own link was away, so that anything may have been missed."""
        for session in self.sessions.values():
            session.doubt()

    def reading(self, ref: PointRef, *, now_s: float) -> Reading:
        """Return what one who decides at `now_s` (monotonic) may think of the point."""
        point = self.park.points.get(ref)
        if point is None:
            return NEVER_READ
        device = point.device
        gateway = self.park.devices[device].gateway
        pulse = self.pulses[gateway]
        held = self._held.get(ref)
        if held is None:
            return NEVER_READ
        hold = self.hold_of(gateway, device)
        return Reading(
            value=held.value,
            quality=held.quality if hold is None else worst(held.quality, Quality.UNCERTAIN),
            reason=held.reason or hold,
            observed_ms=held.observed_ms,
            age_s=pulse.age_s(device, now_s=now_s),
            fresh=pulse.is_fresh(device, now_s=now_s),
        )

    def hold_of(self, gateway: GatewayId, device: DeviceId) -> Reason | None:
        """Return why nothing of `device` may be believed now; None: it may."""
        session = self.sessions[gateway]
        if session.hold is not None:
            return session.hold
        return None if device in session.born else Reason.LINK

    def trust_of(self, device: DeviceId, *, now_s: float) -> tuple[bool, Reason | None]:
        """Return (fresh, held back why): when it changes, every reading of the device does."""
        gateway = self.park.devices[device].gateway
        return self.pulses[gateway].is_fresh(device, now_s=now_s), self.hold_of(gateway, device)

    def indication(self, actuator: Actuator, *, now_s: float) -> Indication:
        """Return what may be said of where `actuator` stands."""
        feedback = actuator.feedback
        return indicate(
            self.reading(actuator.point(feedback.opened), now_s=now_s),
            self.reading(actuator.point(feedback.closed), now_s=now_s),
        )

    def unit_of(self, ref: PointRef) -> str:
        """Return the unit of a point, BOOLEAN for a state."""
        point = self.park.points[ref]
        return BOOLEAN if point.is_boolean else point.unit

    def points_of(self, gateway: GatewayId) -> Iterator[PointRef]:
        """Yield the points behind `gateway`."""
        for device in self.park.devices_of(gateway):
            yield from self._of(device.id)

    def facility_of(self, ref: PointRef) -> FacilityId:
        """Return the facility of a point."""
        return self.park.points[ref].facility

    def _of(self, device: DeviceId) -> tuple[PointRef, ...]:
        return self._points.get(device, ())

    def _keep(self, device: DeviceId, metric: Metric, payload: Payload, *, is_birth: bool) -> PointRef | None:
        """Hold one metric; what no file of the park names is left out, and so is an older value, but for a birth's.

        A birth says what is true now: no value from a clock that ran ahead, or from a stranger's, outlasts it.
        """
        ref = PointRef(metric.name)
        point = self.park.points.get(ref)
        if point is None or point.device != device:
            return None
        observed_ms = metric.timestamp_ms or payload.timestamp_ms or 0
        last = self._held.get(ref)
        if last is not None and observed_ms < last.observed_ms and not is_birth:
            return None
        if isinstance(metric.value, float) and not math.isfinite(metric.value):
            self._held[ref] = Held(None, Quality.BAD, metric.reason or Reason.RANGE, observed_ms)
        else:
            self._held[ref] = Held(metric.value, metric.quality, metric.reason, observed_ms)
        return ref
