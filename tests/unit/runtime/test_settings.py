"""A settings file is read or refused with file, line, field and remedy; the clock and the password come from where it says."""

from pathlib import Path

import pytest

from domain.errors import ConfigurationError, Fault
from runtime.clock import ClockPage, PageClock, RealClock, set_offset
from runtime.settings import CommonSettings, make_clock, read_settings

GOOD = """
park = "parks/lingang"
[broker]
port = 1884
username = "gw_east"
password_file = "{folder}/password"
[keys]
own = "a.jwk"
trusted = "b.jwks"
[metrics]
port = 0
"""


def write(folder: Path, text: str) -> Path:
    (folder / "password").write_text("secret\nnot this\n")
    path = folder / "service.toml"
    path.write_text(text.replace("{folder}", str(folder)))
    return path


def fault(folder: Path, text: str) -> Fault:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(write(folder, text), CommonSettings)
    assert len(caught.value.faults) == 1
    return caught.value.faults[0]


def test_what_is_said_is_read_and_the_rest_has_its_default(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, GOOD), CommonSettings)
    broker = settings.broker.connection()
    assert (broker.host, broker.port, broker.username, broker.password) == (
        "127.0.0.1",
        1884,
        "gw_east",
        "secret",
    )
    assert settings.log.level == "info"
    assert isinstance(make_clock(settings.clock), RealClock)


@pytest.mark.parametrize(("old", "new", "line", "field"), [
    ("port = 1884", "port = = 1884", 4, "file"),
    ("port = 1884", 'port = "many"', 4, "broker.port"),
    ("port = 1884", "port = 70000", 4, "broker.port"),
    ("username", "user_name", 5, "broker.user_name"),
    ('own = "a.jwk"', "", 7, "keys.own"),
    ('park = "parks/lingang"', "", 0, "park"),
    ("[metrics]", "[metrix]", 10, "metrix"),
])  # fmt: skip
def test_a_fault_names_its_place(tmp_path: Path, old: str, new: str, line: int, field: str) -> None:
    found = fault(tmp_path, GOOD.replace(old, new))
    assert (found.line, found.field) == (line, field)
    assert found.file == str(tmp_path / "service.toml")
    assert found.remedy


def test_every_fault_is_named_in_one_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(write(tmp_path, GOOD.replace("1884", "0").replace("own", "mine")), CommonSettings)
    assert {item.field for item in caught.value.faults} == {"broker.port", "keys.mine", "keys.own"}


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_settings(tmp_path / "none.toml", CommonSettings)


def test_a_missing_password_is_said(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, GOOD.replace("/password", "/none")), CommonSettings)
    with pytest.raises(ConfigurationError, match="password cannot be read"):
        settings.broker.connection()


def test_the_clock_is_a_page_when_it_is_asked_for(tmp_path: Path) -> None:
    page = tmp_path / "clock.page"
    settings = read_settings(
        write(tmp_path, GOOD + f'[clock]\nkind = "page"\npage = "{page}"\n'), CommonSettings
    )
    with pytest.raises(ConfigurationError, match="no clock page"):
        make_clock(settings.clock)
    ClockPage(page, start_ms=1_000_000, speed=0.0)
    clock = make_clock(settings.clock)
    assert isinstance(clock, PageClock)
    assert clock.now_ms() == 1_000_000


def test_a_clock_that_steps_is_real_time_and_what_its_file_says(tmp_path: Path) -> None:
    file = tmp_path / "clock.offset"
    set_offset(file, 0)
    settings = read_settings(
        write(tmp_path, GOOD + f'[clock]\nkind = "offset"\npage = "{file}"\n'), CommonSettings
    )
    clock, real = make_clock(settings.clock), RealClock()
    for offset_ms in (0, 3_600_000, -3_600_000):
        set_offset(file, offset_ms)
        before_ms, said_ms, after_ms = real.now_ms(), clock.now_ms(), real.now_ms()
        assert before_ms <= said_ms - offset_ms <= after_ms
    assert clock.speed == 1.0
