"""Reads a service's settings: one TOML file, validated by one model, every fault named with file, line, field and remedy.

It says what blocks all services have in common; what a block means is decided by whoever uses it.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import ConfigurationError, Fault
from runtime.clock import Clock, OffsetClock, PageClock, RealClock
from runtime.mqtt import BrokerSettings, TlsSettings

Port = Annotated[int, Field(ge=1, le=65535)]
PortOrNone = Annotated[int, Field(ge=0, le=65535)]
"""0: do not listen."""


class Block(BaseModel):
    """One table of a settings file; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockSettings(Block):
    kind: Literal["real", "page", "offset"] = "real"
    """`offset` is real time put wrong by a file: for runs in which the time of day steps."""
    page: Path | None = None
    """The conductor's page, when `kind` is `page`; the file that says how wrong, when it is `offset`."""


class TlsBlock(Block):
    ca: Path
    certificate: Path | None = None
    key: Path | None = None


class BrokerBlock(Block):
    host: str = "127.0.0.1"
    port: Port = 1883
    username: str | None = None
    password_file: Path | None = None
    """The password is its first line; it never stands in the settings."""
    tls: TlsBlock | None = None

    def connection(self) -> BrokerSettings:
        """Return what a link needs; reads the password. Raises ConfigurationError when its file is unreadable."""
        tls = self.tls
        return BrokerSettings(
            host=self.host,
            port=self.port,
            username=self.username,
            password=None
            if self.password_file is None
            else read_secret(self.password_file, "broker.password_file"),
            tls=None if tls is None else TlsSettings(ca=tls.ca, certificate=tls.certificate, key=tls.key),
        )


class KeysBlock(Block):
    own: Path
    """Our private signing key (JWK)."""
    trusted: Path
    """Public keys of everybody whom we believe (JWK set)."""


class LogBlock(Block):
    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsBlock(Block):
    host: str = "127.0.0.1"
    port: PortOrNone = 0


class ParkSettings(Block):
    """What every process of a park has."""

    park: Path
    """The park's folder."""
    clock: ClockSettings = ClockSettings()
    log: LogBlock = LogBlock()
    metrics: MetricsBlock = MetricsBlock()


class CommonSettings(ParkSettings):
    """What every service on the broker has."""

    broker: BrokerBlock
    keys: KeysBlock


Model = TypeVar("Model", bound=BaseModel)


def read_settings(path: Path, model: type[Model]) -> Model:
    """Return the settings in `path`. Raises ConfigurationError with every fault found."""
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        fault = _fault(path, int(found[1]) if found else 0, "", f"not TOML: {error}", "mend the syntax there")
        raise ConfigurationError(fault) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        fault = _fault(path, 0, "", f"cannot be read: {reason}", "name a readable settings file")
        raise ConfigurationError(fault) from error
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(
            *(_of(path, text, item["loc"], item["msg"]) for item in error.errors())
        ) from error


def make_clock(settings: ClockSettings) -> Clock:
    """Return the clock that the settings ask for. Raises ConfigurationError when its page is not there."""
    if settings.kind == "real":
        return RealClock()
    page = settings.page or Path("clock.page")
    try:
        return OffsetClock(page) if settings.kind == "offset" else PageClock(page)
    except (OSError, ValueError) as error:
        fault = _fault(
            page,
            0,
            "clock.page",
            f"no clock page: {error}",
            'start the simulator first, or use kind = "real"',
        )
        raise ConfigurationError(fault) from error


def read_secret(path: Path, field: str) -> str:
    """Return the first line of a file that holds a secret. Raises ConfigurationError that names the settings' `field`."""
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        fault = Fault(
            file=str(path), line=0, field=field, kind="unreadable-secret",
            message=f"the password cannot be read: {error}", remedy="name a readable file whose first line is the password",
        )  # fmt: skip
        raise ConfigurationError(fault) from error


def _of(path: Path, text: str, location: tuple[int | str, ...], said: str) -> Fault:
    field = ".".join(str(part) for part in location)
    match said:
        case "Extra inputs are not permitted":
            message, remedy = "this key is not known here", "remove it or mend its spelling"
        case "Field required":
            message, remedy = "this key is missing", "add it"
        case _:
            message, remedy = said[0].lower() + said[1:], "mend the value"
    return _fault(path, _line_of(text, [str(part) for part in location]), field, message, remedy)


def _line_of(text: str, keys: list[str]) -> int:
    """Return the line on which the key, or the innermost table that would hold it, stands; 0 when neither does."""
    table: list[str] = []
    best, depth = 0, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?\s*([\w.\-\"]+)", line)
        entry = re.match(r"\s*([\w.\-\"]+)\s*=", line)
        if header:
            table = header[1].replace('"', "").split(".")
            here = table
        elif entry:
            here = [*table, *entry[1].replace('"', "").split(".")]
        else:
            continue
        if keys[: len(here)] == here and len(here) > depth:
            best, depth = number, len(here)
    return best


def _fault(path: Path, line: int, field: str, message: str, remedy: str) -> Fault:
    kind = "setting" if field else "settings-file"
    return Fault(file=str(path), line=line, field=field or "file", message=message, remedy=remedy, kind=kind)
