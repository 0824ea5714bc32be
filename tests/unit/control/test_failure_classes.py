"""The ways in which systems like this one have failed: each class has its tests, and those that need no running service are here."""

import ast
import io
import json
import re
import tarfile
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.api.application import application
from control.api.safely import SECURITY
from control.first import read_link
from control.people.accounts import token_hash
from domain.errors import ConfigurationError, StorageError
from domain.interlock import LENGTH_MAX, ExpressionError, parse
from runtime.parkfiles.loading import load_park
from stoplog.backup.archive import MANIFEST, NAMES, new_key, read_archive

ROOT = Path(__file__).parents[3]
CONSOLE = ROOT / "dashboards" / "console"
HERE = "tests/unit/control/test_failure_classes.py"
LIVE = "tests/service/control/test_failure_classes.py"

CLASSES: dict[str, list[str]] = {
    "a second write path without authorisation": [
        "tests/unit/control/test_rules.py::test_every_route_has_a_rule_and_every_rule_a_route",
        f"{LIVE}::test_a_watchers_socket_writes_nothing",
    ],
    "authorisation decided by what the client sends": [f"{LIVE}::test_nothing_that_a_client_says_of_itself_lets_it_in"],
    "default or built-in keys and passwords": [
        f"{HERE}::test_no_built_in_key_or_password",
        f"{HERE}::test_a_short_one_time_link_refuses_the_start",
        f"{LIVE}::test_nobody_gets_in_by_what_is_guessed_first",
    ],
    "crossing from one enterprise to another": [
        f"{LIVE}::test_every_route_with_an_id_is_tried_with_anothers",
        f"{LIVE}::test_every_route_without_an_id_leaves_out_the_others",
        f"{LIVE}::test_an_id_in_a_body_or_a_query_is_held_against_the_area_too",
    ],
    "raising oneself by editing one's own profile": [
        f"{HERE}::test_no_body_takes_a_field_that_it_does_not_name",
        f"{LIVE}::test_no_field_of_ones_own_profile_raises_anybody",
    ],
    "stored script": [
        f"{HERE}::test_the_console_never_parses_words_as_html",
        f"{HERE}::test_pages_run_scripts_of_our_own_files_only",
        f"{LIVE}::test_words_that_are_script_come_back_as_words",
        "tests/properties/test_control_audit.py::test_a_spreadsheet_gets_chinese_and_no_formulas",
    ],
    "expression or template injection": [
        f"{HERE}::test_a_condition_is_no_program",
        "tests/unit/domain/test_interlock.py::test_everything_else_is_refused",
    ],
    "requests of the server to inside addresses": [f"{HERE}::test_control_asks_only_what_its_settings_name"],
    "path traversal on import": [
        f"{HERE}::test_an_archive_writes_only_its_own_files",
        f"{HERE}::test_a_park_reads_only_its_own_folder",
        f"{LIVE}::test_the_consoles_files_are_all_that_is_served",
    ],
    "a verifier that proves nothing": ["tests/properties/test_control_audit.py::test_each_proof_leads_to_the_root_and_no_other_leaf_does"],
    "the screen shows what was commanded as what is": [
        "tests/unit/domain/test_position.py::test_no_state_of_a_command_makes_a_position",
        "tests/unit/control/test_views.py::test_closed_is_said_on_proof_only",
    ],
    "a stale command fires on reconnect": [
        "tests/service/gateway/test_refusals.py::test_tags_terms_and_replays",
        "tests/system/test_refusals.py::test_a_stale_challenge",
        "tests/system/test_refusals.py::test_a_replayed_command",
    ],
    "delivered though lost": [
        "tests/unit/gateway/test_proof.py::test_silence_is_unknown_never_failed",
        "tests/service/gateway/test_gateway.py::test_a_stuck_gate_fails_and_a_silent_one_is_unknown",
    ],
    "opening for ever": ["tests/unit/domain/test_command.py::test_final_states_stay_and_all_others_time_out"],
    "two commands on one actuator": ["tests/service/gateway/test_gateway.py::test_two_closures_share_one_write_and_one_outcome"],
    "the first seconds of an outage lost": [
        "tests/system/test_kill.py::test_no_accepted_sample_was_lost",
        "tests/system/test_outage.py::test_an_hours_outage_is_back_filled_behind_live_data",
    ],
    "a stale value shown as good": [
        "tests/unit/control/test_pulse.py::test_silence_makes_stale",
        "tests/unit/control/test_image.py::test_silence_of_the_gateway_makes_every_position_unknown",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_has_its_tests(name: str) -> None:
    assert CLASSES[name]
    for test in CLASSES[name]:
        file, _, function = test.partition("::")
        nodes = ast.walk(ast.parse((ROOT / file).read_text("utf-8")))
        functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert function in functions, test


def test_no_built_in_key_or_password() -> None:
    """No settings that are shipped hold a secret, and no code holds a private key."""
    secret = re.compile(r"(?im)^\s*(\w*(?:password|secret|token)\w*)\s*=\s*[\"'][^\"']+[\"']")
    for file in [*(ROOT / "deploy").rglob("*.toml"), *(ROOT / "deploy").rglob("*.yaml")]:
        found = [
            line
            for line in secret.findall(file.read_text("utf-8"))
            if not line.endswith(("_file", "_policy", "_cost"))
        ]
        assert not found, file
    for package in ("control", "domain", "gateway", "ingest", "runtime", "stoplog", "wire"):
        for source in (ROOT / package).rglob("*.py"):
            text = source.read_text("utf-8")
            assert "PRIVATE KEY-----" not in text, source
            assert not re.search(r"[\"']d[\"']\s*:\s*[\"'][A-Za-z0-9_-]{43}[\"']", text), source


@pytest.mark.parametrize("token", ["", "demo", "changeme", "x" * 31])
def test_a_short_one_time_link_refuses_the_start(token: str, tmp_path: Path) -> None:
    file = tmp_path / "link"
    file.write_text(token)
    with pytest.raises(ConfigurationError):
        read_link(file)
    assert len(token_hash(token)) == 64


def test_no_body_takes_a_field_that_it_does_not_name() -> None:
    document = application(None).openapi()
    bodies = {
        content["schema"]["$ref"].rsplit("/", 1)[-1]
        for path in document["paths"].values()
        for operation in path.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        if "$ref" in content["schema"]
    }
    assert len(bodies) > 15
    open_ones = [
        name
        for name in bodies
        if document["components"]["schemas"][name].get("additionalProperties") is not False
    ]
    assert not open_ones


def test_the_console_never_parses_words_as_html() -> None:
    banned = re.compile(
        r"v-html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    )
    files = [file for file in (CONSOLE / "src").rglob("*") if file.suffix in {".vue", ".ts"}]
    assert len(files) > 30
    assert not [
        f"{file.name}: {found}" for file in files for found in banned.findall(file.read_text("utf-8"))
    ]
    charts = [file.read_text("utf-8") for file in files if "TooltipComponent" in file.read_text("utf-8")]
    assert charts
    assert all("renderMode: 'richText'" in text for text in charts), (
        "a tooltip in HTML would parse what a park file says"
    )


def test_pages_run_scripts_of_our_own_files_only() -> None:
    policy = dict(part.strip().split(" ", 1) for part in SECURITY["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "object-src" not in policy, "none, by default-src"
    page = (CONSOLE / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|javascript:", page)


INJECTIONS = (
    "__import__('os').system('id')", "().__class__.__bases__[0].__subclasses__()", "(lambda: 1)()", "[x for x in (1,)]",
    "{{7*7}}", "${7*7}", "#{7*7}", "exec('1')", "open('/etc/passwd')", "f'{1}'", "hc_pool.volume.__class__", "a := 1",
    "'x' * 10**9", "10 ** 10 ** 10", "hc_pool['volume']", "print(1)", "await x", "yield", "hc_pool.volume if 1 else 2", "*a",
    "T(java.lang.Runtime).getRuntime()", "@os", "a; b", "a\nb", "\0", "(" * 200, "not " * 200 + "a.b", "1" * (LENGTH_MAX + 1),
)  # fmt: skip


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_condition_is_no_program(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


OUTSIDE = (
    "aiohttp",
    "asyncssh",
    "ftplib",
    "http",
    "httpx",
    "requests",
    "smtplib",
    "socket",
    "ssl",
    "urllib",
    "urllib3",
    "websockets",
)
MAY_CONNECT = {
    "control/api/guard.py": "takes an origin apart",
    "control/api/server.py": "listens on [api] host and port",
    "control/people/totp.py": "quotes an address",
    "control/people/oidc.py": "takes addresses apart and puts them together",
    "control/people/provider.py": "[oidc] issuer: its own origin only, no redirects",
    "control/api/oidc.py": "puts a query together",
    "control/audit/elsewhere.py": "[audit.elsewhere] url: the second host of the checkpoints",
}
"""Modules of control that import what could connect, and what decides to where."""


def test_control_asks_only_what_its_settings_name() -> None:
    """There are no webhooks: no address comes from a request, a park file or the database."""
    for file in sorted((ROOT / "control").rglob("*.py")):
        names = set()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.module != "http":
                names.add(node.module.split(".")[0])
        if names & set(OUTSIDE):
            assert file.relative_to(ROOT).as_posix() in MAY_CONNECT, (
                f"{file}: what decides where it connects?"
            )
    assert all((ROOT / file).is_file() for file in MAY_CONNECT)
    calls = [
        file.name
        for file in (ROOT / "control").rglob("*.py")
        if re.search(
            r"follow_redirects\s*=\s*True|trust_env\s*=\s*True|verify\s*=\s*False", file.read_text("utf-8")
        )
    ]
    assert not calls


def _archive(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """A backup whose tar and manifest name `names`, encrypted for a key of its own."""
    key, plain = folder / "key", io.BytesIO()
    public = new_key(key)
    said = {
        "format": 1, "park": "x", "made_ms": 0, "program": "", "audit": {"records": 0, "root": ""},
        "files": {name: {"bytes": 1, "sha256": "0" * 64} for name in names},
    }  # fmt: skip
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, content in [(MANIFEST, json.dumps(said).encode()), *((name, b"x") for name in names)]:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    archive = folder / "x.tar.age"
    archive.write_bytes(pyrage.encrypt(plain.getvalue(), [pyrage.x25519.Recipient.from_str(public)]))
    return archive, key


PARTS = st.sampled_from(
    ["..", ".", "", "control.sqlite", "etc", "passwd", "~", "C:", "\\..", "%2e%2e", "a\0b", "trusted.jwks "]
)
WAYS = st.lists(PARTS, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from(["/".join(parts), "/" + "/".join(parts), "\\".join(parts)])
)


@given(WAYS.filter(lambda name: name not in NAMES))
def test_an_archive_writes_only_its_own_files(name: str) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as text:
        outer = Path(text)
        inner = outer / "deep" / "into"
        inner.mkdir(parents=True)
        archive, key = _archive(outer, [name])
        before = {file for file in outer.rglob("*") if inner not in file.parents}
        with pytest.raises(StorageError):
            read_archive(archive, key, inner)
        assert {file for file in outer.rglob("*") if inner not in file.parents} == before
        assert not list(inner.iterdir())


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "..\\secret", "./../secret", "~root"])
def test_a_park_reads_only_its_own_folder(name: str, tmp_path: Path) -> None:
    import shutil

    park = tmp_path / "park"
    shutil.copytree(ROOT / "parks" / "lingang", park)
    (tmp_path / "secret.yaml").write_text("registers: {}\n")
    gateways = (park / "gateways.yaml").read_text("utf-8")
    used = re.search(r"template: (\w+)", gateways)
    assert used is not None
    (park / "gateways.yaml").write_text(gateways.replace(f"template: {used[1]}", f"template: {name!r}", 1))
    with pytest.raises(ConfigurationError) as refused:
        load_park(park)
    assert "registers" not in str(refused.value), "nothing of the other file is told"
