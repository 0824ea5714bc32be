"""A configuration is read again beside the loop: a good one is applied, a bad one refused, and both can be seen."""

import asyncio
import threading

import pytest
from prometheus_client import CollectorRegistry

from domain.errors import ConfigurationError, Fault
from domain.ids import ParkId
from runtime.clock import ManualClock
from runtime.log import logger
from runtime.reloading import FAULTS_SAID_MAX, Reloading, refuse_another


def fault(line: int) -> Fault:
    return Fault(file="alarms.yaml", line=line, field="x", message="wrong", remedy="mend", kind="test")


class Service:
    def __init__(self) -> None:
        self.file: str | ConfigurationError = "one"
        self.applied: list[str] = []
        self.threads: set[int] = set()
        self.clock = ManualClock(now_ms=1_000_000)
        self.registry = CollectorRegistry()
        self.reloading = Reloading(
            self._load, self._apply, registry=self.registry, wall=self.clock, log=logger("test")
        )

    def _load(self) -> str:
        self.threads.add(threading.get_ident())
        if isinstance(self.file, ConfigurationError):
            raise self.file
        return self.file

    async def _apply(self, loaded: str) -> str:
        if loaded == "elsewhere":
            refuse_another(ParkId("here"), ParkId(loaded), "the test")
        self.applied.append(loaded)
        return loaded

    def reload(self) -> dict[str, object]:
        asyncio.run(self.reloading.run())
        return self.reloading.detail()

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"stoplog_configuration_{name}", labels)


@pytest.fixture
def service() -> Service:
    return Service()


def test_a_good_one_is_applied(service: Service) -> None:
    service.clock.advance(5)
    assert service.reload() == {"applied_ms": 1_005_000, "is_newest": True, "faults": []}
    assert service.applied == ["one"]
    assert threading.get_ident() not in service.threads
    assert service.metric("last_reload_successful") == 1
    assert service.metric("applied_timestamp_seconds") == 1005
    assert service.metric("reloads_total", result="applied") == 1


def test_a_bad_one_is_refused_until_it_is_mended(service: Service) -> None:
    service.file = ConfigurationError(*(fault(line) for line in range(1, 2 * FAULTS_SAID_MAX)))
    detail = service.reload()
    assert detail["applied_ms"] == 1_000_000
    assert not detail["is_newest"]
    assert detail["faults"] == [str(fault(line)) for line in range(1, FAULTS_SAID_MAX + 1)]
    assert service.applied == []
    assert service.metric("last_reload_successful") == 0
    assert service.metric("reloads_total", result="refused") == 1
    service.file = "two"
    assert service.reload()["is_newest"]
    assert service.applied == ["two"]
    assert service.metric("last_reload_successful") == 1


def test_another_park_is_refused_when_it_is_applied(service: Service) -> None:
    service.file = "elsewhere"
    faults = service.reload()["faults"]
    assert isinstance(faults, list)
    assert "restart the test" in faults[0]
    assert service.applied == []
