"""The command line: one command for each service, for the demonstration and for the checks; imports a service when it runs.

Exit statuses are those of runtime/exits.py; an error that Stoplog knows is one clear message on standard error.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import StoplogError
from runtime.exits import exit_of
from runtime.supervisor import words_of
from stoplog.commissioning import app as commissioning_app
from stoplog.demo.failure import PartFailedError

if TYPE_CHECKING:
    from stoplog.demo.app import Options

app = typer.Typer(
    name="stoplog",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="园区雨水排口、应急池与闸控的遥测与一键启闭 — telemetry and one-key closure for industrial parks.",
)
journal_app = typer.Typer(no_args_is_help=True, help="Read a gateway's journals.")
database_app = typer.Typer(no_args_is_help=True, help="Control's database.")
audit_app = typer.Typer(no_args_is_help=True, help="Check the audit log.")
quarantine_app = typer.Typer(no_args_is_help=True, help="Look at what ingest did not store, and why.")
store_app = typer.Typer(no_args_is_help=True, help="Take care of what ingest keeps.")
app.add_typer(commissioning_app, name="commissioning")
app.add_typer(journal_app, name="journal")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(store_app, name="store")
app.add_typer(audit_app, name="audit")
app.add_typer(database_app, name="database")

Settings = Annotated[
    Path, typer.Option("--settings", help="The service's settings, a TOML file.", exists=False)
]
State = Annotated[Path, typer.Option("--state", help="Folder of the demonstration's data.")]
DEFAULT_PARK = Path("parks/lingang")
DEFAULT_STATE = Path("state/demo")


def main() -> None:
    """Run the command; exit with its status."""
    try:
        app()
    except PartFailedError as error:
        sys.stderr.write(f"stoplog: {error}\n")
        sys.exit(error.exit)
    except StoplogError as error:
        sys.stderr.write(f"stoplog: {words_of(error)}\n")
        sys.exit(exit_of(error))
    except KeyboardInterrupt:
        sys.exit(130)


@app.callback()
def tie(
    with_parent: Annotated[int | None, typer.Option(hidden=True, help="End when this process ends.")] = None,
) -> None:
    """Stoplog keeps a polluted spill inside the park."""
    if with_parent is not None:
        from stoplog.demo.parent import die_with_parent

        die_with_parent(with_parent)


@app.command()
def check(
    park: Annotated[Path, typer.Argument(help="The park's folder.")] = DEFAULT_PARK,
) -> None:
    """Check a park's files: every fault with file, line, field and remedy."""
    from stoplog.check import run_check

    raise typer.Exit(run_check(park))


@app.command()
def verify(
    park: Annotated[Path, typer.Argument(help="The park's folder.")] = DEFAULT_PARK,
    report: Annotated[Path | None, typer.Option("--json", help="Write the findings here as JSON.")] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Print only what is not proved.")] = False,
) -> None:
    """Prove a park's safety properties, interlocks, plans, rules and cuts; a counterexample is told as a story."""
    from stoplog.verify.app import run_verify

    raise typer.Exit(run_verify(park, report=report, is_brief=brief))


@app.command()
def gateway(settings: Settings) -> None:
    """Run an edge gateway."""
    from gateway.app import main as run

    raise typer.Exit(run(settings))


@app.command()
def ingest(settings: Settings) -> None:
    """Run an ingest worker."""
    from ingest.app import main as run

    raise typer.Exit(run(settings))


@app.command()
def control(settings: Settings) -> None:
    """Run the control service: commands, plans, alarms, audit, API and console."""
    from control.app import main as run

    raise typer.Exit(run(settings))


@app.command()
def simulator(settings: Settings) -> None:
    """Run the simulated park: water, PLCs, accidents and faults."""
    from simulators.app import main as run

    raise typer.Exit(run(settings))


@app.command()
def broker(
    users: Annotated[
        Path, typer.Option(help="Users of the broker, a JSON file as the demonstration writes it.")
    ],
    host: str = "127.0.0.1",
    port: int = 1883,
) -> None:
    """Run the embedded MQTT broker (for one machine; a site runs mosquitto or another)."""
    from stoplog.broker.app import main as run

    raise typer.Exit(run(users, host, port))


@app.command()
def demo(
    park: Annotated[Path, typer.Option(help="The park's folder.")] = DEFAULT_PARK,
    state: State = DEFAULT_STATE,
    broker: Annotated[
        str | None, typer.Option(help="mqtt://host:port of a broker to use instead of the embedded one.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the console.", min=1, max=65535)] = 8080,
    speed: Annotated[
        float, typer.Option(help="Model seconds per second, at most.", min=0.1, max=120.0)
    ] = 1.0,
    scenario: Annotated[Path | None, typer.Option(help="A scenario to play.")] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Play the scenario without anybody and judge it.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Write the result of a headless run here.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of noise and phases; the scenario's own when not given.")
    ] = None,
    keep_freed: Annotated[
        bool, typer.Option("--keep-freed", help="Keep freed journal segments and the log of served reads.")
    ] = False,
    journal_mb: Annotated[int, typer.Option(help="Most megabytes of a gateway's journal.", min=1)] = 512,
) -> None:
    """Bring a whole park up on this machine: broker, simulated PLCs, gateways, ingest, control and console."""
    from stoplog.demo.app import Options, interactive
    from stoplog.demo.settings import parse_broker

    options = Options(
        park=park,
        state=state,
        broker=parse_broker(broker) if broker else None,
        port=port,
        speed=speed,
        scenario=scenario,
        seed=seed,
        journal_bytes_max=journal_mb * 1_000_000,
        keep_freed=keep_freed,
    )
    raise typer.Exit(_headless(options, json) if headless else interactive(options))


def _headless(options: "Options", json: Path | None) -> int:
    from stoplog.headless.app import play

    return play(options, json)


@app.command()
def reload(
    settings: Annotated[
        Path | None,
        typer.Option(help="Settings of one service; without it, every service of the demonstration."),
    ] = None,
    pid: Annotated[int | None, typer.Option(help="Process of that service.", min=2)] = None,
    state: State = DEFAULT_STATE,
) -> None:
    """Check the changed park files, and have running services take them without a restart."""
    from stoplog.reload import reload_demo, reload_service

    if settings is not None and pid is None:
        raise typer.BadParameter("name the process, too", param_hint="--pid")
    raise typer.Exit(reload_demo(state) if settings is None or pid is None else reload_service(settings, pid))


@app.command()
def spill(
    enterprise: Annotated[str, typer.Argument(help="Id of the enterprise, e.g. hc.")],
    kg: Annotated[float, typer.Option(help="Kilograms of pollutant (as COD).", min=0.1, max=100_000)] = 240.0,
    minutes: Annotated[float, typer.Option(help="Over this many minutes.", min=0.1, max=600)] = 20.0,
    state: State = DEFAULT_STATE,
) -> None:
    """Spill a pollutant in the running demonstration's simulated park."""
    from stoplog.demo.spill import spill as run

    raise typer.Exit(run(state, enterprise, kg=kg, minutes=minutes))


@journal_app.command("inspect")
def journal_inspect(
    folders: Annotated[list[Path], typer.Argument(help="Folders with journal segments, or segment files.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    payload: Annotated[
        str | None, typer.Option(help="Decode one payload: <epoch>-<offset>, or the offset alone.")
    ] = None,
) -> None:
    """Say what a gateway's journals hold and what of it is damaged or torn; decode single payloads. Reads only."""
    from stoplog.oracle.inspect import inspect

    raise typer.Exit(inspect(folders, as_json=json, payload=payload))


@quarantine_app.command("list")
def quarantine_list(
    database: Annotated[Path, typer.Argument(help="Ingest's own database, as its settings name it.")],
    limit: Annotated[int, typer.Option(help="Newest entries shown.", min=0, max=100_000)] = 20,
    why: Annotated[str | None, typer.Option(help="Of this reason only, e.g. unknown-point.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what is in quarantine: how much for each reason, and the newest entries."""
    from stoplog.quarantine import run_list

    raise typer.Exit(run_list(database, limit=limit, why=why, as_json=json))


@store_app.command("backup")
def store_backup(
    folder: Annotated[Path, typer.Argument(help="Where the copies go.")],
    settings: Settings,
) -> None:
    """Copy an ingest worker's databases while it runs: one consistent moment each, checked."""
    from stoplog.store_backup import run_backup

    raise typer.Exit(run_backup(settings, folder))


@audit_app.command("verify")
def audit_verify(
    database: Annotated[Path, typer.Argument(help="The control database, an SQLite file.")],
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(help="Exported checkpoints to hold it against; may be given several times."),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Public keys (JWK set) that signed the checkpoints.")
    ] = None,
    printed: Annotated[
        str | None, typer.Option(help='What a printed checkpoint says: "SIZE CODE" or "SIZE ROOT".')
    ] = None,
) -> None:
    """Verify the audit log off-line: every record, their order, and the exported checkpoints."""
    from stoplog.audit import run_verify

    raise typer.Exit(run_verify(database, checkpoints or (), keys, printed))


@audit_app.command("receive")
def audit_receive(
    to: Annotated[Path, typer.Option(help="The folder that keeps them, one file a park.")],
    keys: Annotated[Path, typer.Option(help="Public keys (JWK set) of the controls that are believed.")],
    certificate: Annotated[Path, typer.Option(help="This host's certificate, a PEM file.")],
    key: Annotated[Path, typer.Option(help="Its private key.")],
    listen: Annotated[str, typer.Option(help="Address and port.")] = "0.0.0.0:8443",
    client_ca: Annotated[
        Path | None, typer.Option(help="The authority that the certificates of controls come from.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file with the bearer token that controls send.")
    ] = None,
) -> None:
    """Receive checkpoints on a second host: what control's key has signed is kept, and a fork is said."""
    from stoplog.receive import run_receive

    raise typer.Exit(
        run_receive(
            listen=listen,
            to=to,
            keys=keys,
            certificate=certificate,
            key=key,
            client_ca=client_ca,
            token_file=token_file,
        )
    )


@app.command("backup-key")
def backup_key(
    file: Annotated[
        Path, typer.Argument(help="Where the private key goes: to a place away from control's machine.")
    ],
) -> None:
    """Make a key pair for backups; control's machine needs the public key only, which is printed."""
    from stoplog.backup.archive import new_key

    print(new_key(file))


@app.command()
def backup(
    settings: Settings,
    recipients: Annotated[Path, typer.Option(help="Public keys, one `age1…` a line.")],
    to: Annotated[list[Path], typer.Option(help="Folder for the backup; say it again for a second place.")],
    keep: Annotated[int, typer.Option(help="Backups of this park to keep in each folder.", min=1)] = 30,
) -> None:
    """Back control's database up while it runs: verified, encrypted, in every place named."""
    from stoplog.backup.make import make_backup

    made = make_backup(settings, recipients, to, keep=keep)
    for file in made.files:
        print(f"{file}: {made.audit.records} audit records, verified; {file.stat().st_size} bytes")
    print(f"root {made.audit.root}; {made.removed} older backups removed")


@app.command()
def restore(
    archive: Annotated[Path, typer.Argument(help="A backup, `….tar.age`.")],
    key: Annotated[Path, typer.Option(help="The private key, as `stoplog backup-key` wrote it.")],
    to: Annotated[
        Path | None, typer.Option(help="Folder for control's files; it must hold no database yet.")
    ] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Only try: decrypt, verify, leave nothing.")
    ] = False,
    checkpoints: Annotated[
        list[Path] | None, typer.Option(help="Checkpoints kept elsewhere, to hold it against.")
    ] = None,
) -> None:
    """Bring a backup back, its audit log verified; then start control on it, with keys of its own."""
    from stoplog.backup.restore import restore as bring_back

    if (to is None) is not rehearse:
        raise typer.BadParameter("say either --to FOLDER or --rehearse")
    found = bring_back(archive, key, to=to, elsewhere=checkpoints or [])
    what = "rehearsed" if to is None else f"restored into {to}"
    print(f"{archive}: park {found.manifest.park}, {found.audit.records} audit records, verified, {what}")
    if found.newer:
        print(
            f"{found.newer} records are sealed elsewhere that are younger than this backup: take a newer one if there is any"
        )


@database_app.command("copy")
def database_copy(
    source: Annotated[
        str, typer.Argument(help="Address of the database to copy; control must not be running on it.")
    ],
    target: Annotated[
        str,
        typer.Argument(help="Address of an empty one: sqlite:////path or postgresql://user@host/database."),
    ],
    source_password: Annotated[
        Path | None, typer.Option(help="File with the password of the source.")
    ] = None,
    target_password: Annotated[
        Path | None, typer.Option(help="File with the password of the target.")
    ] = None,
) -> None:
    """Move control between SQLite and PostgreSQL, or a restored backup onto a server: everything, the audit log unchanged."""
    from stoplog.database import run_copy

    raise typer.Exit(run_copy(source, target, source_password, target_password))
