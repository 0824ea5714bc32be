"""What goes wrong around a running control: its database, its broker, its port, its secrets; and how it ends."""

import asyncio
import signal
import socket
from pathlib import Path

from control.audit.verify import verify_audit
from tests.service.control.console import until
from tests.service.control.rig import HOST, Rig, rig


async def test_it_ends_cleanly_sealed_and_what_it_left_verifies_off_line(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await made.first()
        assert made.kill("control", signal.SIGTERM) == 0
        report = verify_audit(
            made.state / "control.sqlite", made.state / "checkpoints.jsonl", tmp_path / "trusted.jwks"
        )
        assert report.verified, report
        assert report.sealed == report.records > 0
        assert "Traceback" not in (tmp_path / "control.log").read_text()


async def test_a_busy_port_and_a_missing_broker_each_get_one_line(tmp_path: Path) -> None:
    made = Rig(tmp_path)
    made.start_broker()
    try:
        with socket.socket() as taken:
            taken.bind((HOST, made.api_port))
            taken.listen()
            assert await ended(made) == 69
        said = (tmp_path / "control.log").read_text()
        assert f"cannot listen on {HOST}:{made.api_port}" in said
        assert "Traceback" not in said
        made.kill("broker")
        settings = (
            (tmp_path / "control.toml").read_text().replace("broker_wait_s = 5.0", "broker_wait_s = 0.5")
        )
        (tmp_path / "control.toml").write_text(settings)
        assert await ended(made) == 69
        assert "Traceback" not in (tmp_path / "control.log").read_text()
    finally:
        await made.close()


async def test_a_wrong_password_an_absent_key_and_an_unknown_setting_refuse_the_start(tmp_path: Path) -> None:
    made = Rig(tmp_path)
    (tmp_path / "passwords").write_text("")
    (tmp_path / "mosquitto.conf").write_text(
        f"user root\nlistener {made.broker_port} {HOST}\nallow_anonymous false\npassword_file {tmp_path}/passwords\n"
    )
    made.start_broker()
    try:
        await asyncio.sleep(0.3)
        assert await ended(made) == 77
        text = (tmp_path / "control.toml").read_text()
        (tmp_path / "control.toml").write_text(text.replace("control.jwk", "nothing.jwk"))
        assert await ended(made) == 78
        (tmp_path / "control.toml").write_text(text + "colour = 1\n")
        assert await ended(made) == 78
        log = (tmp_path / "control.log").read_text()
        assert "api.colour" in log
        assert "Traceback" not in log
    finally:
        await made.close()


async def test_a_killed_broker_is_found_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        admin = await made.first()
        await made.is_live(admin)
        made.kill("broker")
        for _ in range(200):
            live = await admin.live()
            if all(item["stale"] for item in live["points"].values()):
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("nothing goes stale")
        made.start_broker()
        await made.is_live(admin)


async def test_the_demonstrations_link_signs_in_once_in_all_time(tmp_path: Path) -> None:
    def prepare(made: Rig) -> None:
        (tmp_path / "link.token").write_text("t" * 43)
        with (tmp_path / "control.toml").open("a") as file:
            file.write(f'[demo]\nlink_token_file = "{tmp_path / "link.token"}"\n')

    async with rig(tmp_path, prepare=prepare) as made:
        first, second = made.console(), made.console()
        answer = await first.http.post("/session/link", json={"token": "t" * 43})
        assert answer.status_code == 200, answer.text
        assert "shift_chief" in answer.json()["user"]["roles"]
        assert (await second.http.post("/session/link", json={"token": "t" * 43})).status_code == 403
        assert not (await second.get("/setup")).json()["needed"]
        assert (await second.sign_in("demo", "t" * 43)).status_code == 401, "this user has no password"
        made.kill("control")
        made.start_control()
        await made.is_up()
        assert (await second.http.post("/session/link", json={"token": "t" * 43})).status_code == 403
        assert (await first.get("/session")).is_success, "the session outlives a restart"


async def ended(made: Rig) -> int:
    made.start_control()
    process = made.release("control")
    await until(lambda: process.poll() is not None, within_s=90, why="it ends")
    return int(process.returncode)
