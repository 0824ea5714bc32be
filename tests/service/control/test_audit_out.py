"""Checkpoints leave the machine: to files, to a second host over real TLS, on paper; and old records go to the archive."""

import asyncio
import contextlib
import json
import re
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from control.audit.checkpoints import Checkpoints, Paths
from control.audit.elsewhere import BYTES_MAX, Elsewhere, open_elsewhere
from control.audit.entry import Entry
from control.audit.log import AuditLog, Query
from control.audit.printout import Printed, check_code, page
from control.audit.retention import DAY_MS, Retention
from control.audit.settings import ElsewhereBlock
from control.audit.verify import verify_audit, verify_export
from control.database.change import Change
from control.database.connection import open_database
from control.database.ledger import Ledger
from deploy.certificates.issue import open_authority, write_certificate
from domain.errors import ConfigurationError
from domain.words import Words
from runtime.clock import ManualClock, RealClock
from stoplog.audit import run_verify
from stoplog.receive import run_receive
from tests.service.control.console import CLOCK, until
from tests.service.control.rig import HOST, ROOT, free_port
from wire.signing import Role, Signer, load_signer, new_key, public_part

NOW_MS = 1_900_000_000_000


@dataclass
class Office:
    """The second host: a folder, a port, its certificates; it can be closed and opened again."""

    folder: Path
    port: int
    signer: Signer
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/checkpoints"

    @property
    def received(self) -> Path:
        return self.folder / "received" / "lingang.jsonl"

    def open(self) -> None:
        line = [sys.executable, "-m", "stoplog", "audit", "receive", "--listen", f"{HOST}:{self.port}"]
        line += ["--to", str(self.folder / "received"), "--keys", str(self.folder / "trusted.jwks")]
        line += ["--certificate", str(self.folder / "office" / "certificate.pem")]
        line += ["--key", str(self.folder / "office" / "key.pem")]
        line += [
            "--client-ca",
            str(self.folder / "ca" / "ca.pem"),
            "--token-file",
            str(self.folder / "token"),
        ]
        with (self.folder / "office.log").open("ab") as log:
            self.process = subprocess.Popen(line, cwd=ROOT, stdout=log, stderr=log)

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def block(self, **other: object) -> ElsewhereBlock:
        said: dict[str, object] = {
            "url": self.url,
            "ca": self.folder / "ca" / "ca.pem",
            "certificate": self.folder / "control" / "certificate.pem",
            "key": self.folder / "control" / "key.pem",
            "token_file": self.folder / "token",
        }
        return ElsewhereBlock.model_validate({**said, **other})

    def sealed(self, size: int, root: str) -> bytes:
        said = {"claim": "audit-checkpoint", "park": "lingang", "size": size, "root": root, "at_ms": 1}
        return json.dumps({**said, "token": self.signer.sign(said).decode()}).encode() + b"\n"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    now = datetime.fromtimestamp(CLOCK.now_ms() / 1000, UTC)
    for name in ("office", "control"):
        (folder / name).mkdir()
    authority = open_authority(folder / "ca", now)
    write_certificate(folder / "office", "office", authority, names=[HOST], now=now)
    write_certificate(folder / "control", "control", authority, names=[], now=now)
    open_authority(folder / "stranger", now)
    private = new_key(kid="control-1", role=Role.CONTROL, identity="control")
    (folder / "trusted.jwks").write_text(json.dumps({"keys": [public_part(private)]}))
    (folder / "token").write_text("t" * 43 + "\n")
    made = Office(folder, free_port(), load_signer(json.dumps(private)))
    made.open()
    yield made
    made.close()


@contextlib.asynccontextmanager
async def way(office: Office, file: Path, **other: object) -> AsyncIterator[Elsewhere]:
    made = open_elsewhere(office.block(**other), file, RealClock())
    try:
        yield made
    finally:
        await made.close()


async def is_open(office: Office) -> None:
    def listens() -> bool:
        import socket

        with socket.socket() as probe:
            return probe.connect_ex((HOST, office.port)) == 0

    await until(listens, within_s=60, why="the office opens")


async def test_they_arrive_in_their_order_each_once_and_wait_while_the_office_is_closed(
    office: Office, tmp_path: Path
) -> None:
    await is_open(office)
    file = tmp_path / "checkpoints.jsonl"
    file.write_bytes(b"".join(office.sealed(size, f"{size:064x}") for size in range(1, 400)))
    assert file.stat().st_size > 2 * BYTES_MAX
    async with way(office, file) as elsewhere:
        assert await elsewhere.bring()
        assert elsewhere.waiting_bytes == 0
        office.close()
        with file.open("ab") as opened:
            opened.write(office.sealed(400, f"{400:064x}") + b'{"a torn li')
        assert not await elsewhere.bring()
        assert elsewhere.fault
        assert elsewhere.waiting_bytes > 0
    office.open()
    await is_open(office)
    # A control that was started anew goes on where it was.
    async with way(office, file) as again:
        assert await again.bring()
        assert not again.fault
    (tmp_path / "checkpoints.sent").unlink()
    async with way(office, file) as forgetful:
        assert await forgetful.bring()
    sizes = [json.loads(line)["size"] for line in office.received.read_text().splitlines()]
    assert sizes == list(range(1, 401))


async def test_a_fork_is_kept_at_both_ends_and_said(office: Office, tmp_path: Path) -> None:
    await is_open(office)
    file = tmp_path / "checkpoints.jsonl"
    file.write_bytes(office.sealed(9000, "a" * 64) + office.sealed(9000, "b" * 64))
    async with way(office, file) as elsewhere:
        assert await elsewhere.bring()
        assert elsewhere.is_forked
    roots = [json.loads(line)["root"] for line in office.received.read_text().splitlines()[-2:]]
    assert roots == ["a" * 64, "b" * 64]


@pytest.mark.parametrize("what", ["forged", "no token", "no certificate", "another authority", "too long"])
async def test_nothing_is_kept_of_whoever_does_not_prove_it(
    office: Office, tmp_path: Path, what: str
) -> None:
    await is_open(office)
    before = office.received.read_bytes() if office.received.exists() else b""
    line = office.sealed(5, "c" * 64)
    ca = office.folder / ("stranger" if what == "another authority" else "ca") / "ca.pem"
    context = ssl.create_default_context(cafile=str(ca))
    if what != "no certificate":
        context.load_cert_chain(
            office.folder / "control" / "certificate.pem", office.folder / "control" / "key.pem"
        )
    headers = {} if what == "no token" else {"Authorization": "Bearer " + "t" * 43}
    content = {"forged": line.replace(b'"token": "e', b'"token": "f'), "too long": line * 200}.get(what, line)
    async with httpx.AsyncClient(verify=context, headers=headers, trust_env=False) as client:
        if what in {"no certificate", "another authority"}:
            with pytest.raises(httpx.HTTPError):
                await client.post(office.url, content=content)
        else:
            answer = await client.post(office.url, content=content)
            assert answer.status_code == {"forged": 403, "no token": 401, "too long": 413}[what]
    assert (office.received.read_bytes() if office.received.exists() else b"") == before


async def test_an_office_that_asks_for_no_proof_does_not_open(office: Office, tmp_path: Path) -> None:
    own = office.folder / "office"
    files = {
        "certificate": own / "certificate.pem",
        "key": own / "key.pem",
        "keys": office.folder / "trusted.jwks",
    }
    with pytest.raises(ConfigurationError, match="prove who they are"):
        run_receive(listen=f"{HOST}:1", to=tmp_path, client_ca=None, token_file=None, **files)
    (tmp_path / "short").write_text("secret")
    with pytest.raises(ConfigurationError, match="no secret"):
        run_receive(listen=f"{HOST}:1", to=tmp_path, client_ca=None, token_file=tmp_path / "short", **files)


async def test_certificates_that_are_none_refuse_the_start(office: Office, tmp_path: Path) -> None:
    (tmp_path / "nonsense.pem").write_text("nonsense")
    with pytest.raises(ConfigurationError, match="elsewhere"):
        open_elsewhere(office.block(ca=tmp_path / "nonsense.pem"), tmp_path / "c", RealClock())


@dataclass
class Desk:
    ledger: Ledger
    log: AuditLog
    checkpoints: Checkpoints
    clock: ManualClock
    folder: Path

    async def happens(self, count: int, *, days_ago: int = 0) -> None:
        for number in range(count):
            entry = Entry(
                at_ms=NOW_MS - days_ago * DAY_MS + number,
                actor="zhao",
                kind="command.request",
                object="hc_outlet",
                words=Words("关闭", "close"),
                body={"n": number},
            )
            await self.ledger.commit(Change(entries=(entry,)))

    async def verified(self) -> tuple[bool, int]:
        copy = self.folder / f"copy-{CLOCK.monotonic()}.sqlite"
        await self.log.copy(copy)
        report = verify_audit(copy, self.checkpoints.paths.checkpoints, self.folder / "trusted.jwks")
        return report.verified, report.pruned


@pytest_asyncio.fixture
async def desk(tmp_path: Path, office: Office) -> AsyncIterator[Desk]:
    engine = await open_database(f"sqlite:///{tmp_path / 'control.sqlite'}")
    ledger = Ledger(engine)
    await ledger.load()
    task = asyncio.get_running_loop().create_task(ledger.run(), name="ledger")
    clock = ManualClock(now_ms=NOW_MS)
    (tmp_path / "trusted.jwks").write_bytes((office.folder / "trusted.jwks").read_bytes())
    paths = Paths(
        checkpoints=tmp_path / "checkpoints.jsonl",
        trusted=tmp_path / "trusted.jwks",
        copies=(tmp_path / "share" / "copy.jsonl", tmp_path / "copy.jsonl"),
    )
    checkpoints = Checkpoints(ledger, office.signer, clock, park="lingang", paths=paths)
    yield Desk(ledger, AuditLog(ledger), checkpoints, clock, tmp_path)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await engine.dispose()


async def test_a_copy_that_takes_nothing_is_said_and_stops_nobody(desk: Desk) -> None:
    await desk.happens(1)
    await desk.checkpoints.seal()
    assert (desk.folder / "copy.jsonl").read_bytes() == (desk.folder / "checkpoints.jsonl").read_bytes()
    assert list(desk.checkpoints.failing) == [desk.folder / "share" / "copy.jsonl"]
    (desk.folder / "share").mkdir()
    await desk.happens(1)
    await desk.checkpoints.seal()
    assert not desk.checkpoints.failing


async def test_old_records_leave_and_the_log_verifies_as_before(desk: Desk) -> None:
    await desk.happens(7, days_ago=200)
    await desk.happens(5, days_ago=10)
    retention = Retention(
        desk.ledger, desk.log, desk.checkpoints, desk.clock, keep_days=180, archive=desk.folder / "archive"
    )
    assert await retention.archive_some() == 7
    assert await retention.archive_some() == 0
    assert await desk.verified() == (True, 7)
    (archived,) = sorted((desk.folder / "archive").iterdir())
    report = verify_export(archived, desk.folder / "checkpoints.jsonl", desk.folder / "trusted.jwks")
    assert (report.verified, report.records) == (True, 7)
    left = await desk.log.records(Query(kind="command"))
    assert [item["seq"] for item in left] == [11, 10, 9, 8, 7], (
        "what has left is not shown, and breaks no search"
    )
    assert len(await desk.log.records(Query(text='"n":3'))) == 1
    # A year later the rest goes, the records that say so do not.
    desk.clock.advance(365 * DAY_MS / 1000)
    assert await retention.archive_some() == 5
    assert await retention.archive_some() == 0
    assert await desk.verified() == (True, 12)
    again = Ledger(desk.ledger.engine)
    await again.load()
    assert again.tree == desk.ledger.tree


async def test_an_archive_that_cannot_be_written_empties_nothing(desk: Desk) -> None:
    await desk.happens(3, days_ago=200)
    (desk.folder / "archive").write_text("a file stands here")
    retention = Retention(
        desk.ledger, desk.log, desk.checkpoints, desk.clock, keep_days=180, archive=desk.folder / "archive"
    )
    with pytest.raises(OSError, match="archive"):
        await retention.archive_some()
    assert await desk.verified() == (True, 0)


async def test_what_is_printed_is_compared_by_its_code_and_by_its_root(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.happens(20)
    await desk.checkpoints.seal()
    sealed = desk.checkpoints.newest
    assert sealed is not None
    size, root = int(str(sealed["size"])), str(sealed["root"])
    said = Printed(
        park="lingang", name=Words("园<区>", "park"), size=size, root=root, at_ms=NOW_MS,
        token=str(sealed["token"]), newest=Words("关闭", "close"),
    )  # fmt: skip
    shown = page(said)
    assert "园&lt;区&gt;" in shown
    code = check_code(park="lingang", size=size, root=root)
    assert code in shown
    assert re.sub(r"\s", "", shown[shown.index("<pre>") + 5 : shown.index("</pre>")]) == root
    await desk.happens(5)
    await desk.checkpoints.seal()
    log, seals = desk.folder / "control.sqlite", (desk.folder / "checkpoints.jsonl",)
    for words in (f"{size} {code}", f"{size} {code.lower()}", f"{size} {root}"):
        assert run_verify(log, seals, None, words) == 0, capsys.readouterr()
    other = code.replace(code[0], "0" if code[0] != "0" else "1", 1)
    assert run_verify(log, seals, None, f"{size} {other}") == 65
    assert run_verify(log, seals, None, f"9999 {code}") == 65
    with pytest.raises(ConfigurationError, match="--printed"):
        run_verify(log, seals, None, "nonsense")
