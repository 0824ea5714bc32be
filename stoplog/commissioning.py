"""`stoplog commissioning`: shows who signed for which actuator of a park's folder, and seals a signature given on paper.

A check made at the console leaves its signature in control's database; the folder is for those made before, elsewhere.
"""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from domain.definition import definition_hashes
from domain.errors import ConfigurationError, Fault
from domain.ids import FacilityId
from runtime.exits import Exit
from runtime.parkfiles import load_park
from runtime.parkfiles.commissioning import FILE, seal, void_in

app = typer.Typer(no_args_is_help=True, help="Who signed for which actuator (联调签字).")
Folder = Annotated[Path, typer.Argument(help="The park's folder.")]


@app.command("show")
def show(park: Folder) -> None:
    """Print every actuator with who signed for it; exit with 65 when one is not commissioned."""
    found = load_park(park)
    void = dict(void_in(park, found))
    is_whole = True
    for key, actuator in found.actuators.items():
        drive = definition_hashes(found, actuator)[0]
        if actuator.commissioned_by is not None:
            print(f"{key}  {drive}  {actuator.commissioned_on}  {actuator.commissioned_by}")
            continue
        is_whole = False
        line = void.get(key)
        why = "nobody signed" if line is None else f"{line.by} signed on {line.on} for drive {line.drive}"
        print(f"{key}  {drive}  未联调 not commissioned: {why}")
    raise typer.Exit(Exit.OK if is_whole else Exit.PARK)


@app.command("seal")
def seal_signatures(
    park: Folder,
    actuators: Annotated[list[str], typer.Argument(help="The actuators of the signed paper.")],
    by: Annotated[str, typer.Option("--by", help="Who signed the paper.")],
    on: Annotated[str, typer.Option("--on", help="When: 2026-08-31.")],
) -> None:
    """Write into the park's folder that somebody signed on paper for these actuators as they are now."""
    found = load_park(park)
    try:
        day = date.fromisoformat(on).isoformat()
    except ValueError:
        raise _wrong("--on", f"`{on}` is no date", "write 2026-08-31") from None
    for name in actuators:
        if name not in found.actuators:
            raise _wrong(name, "there is no such actuator", f"name one of {', '.join(found.actuators)}")
    seal(park, found, {FacilityId(name): (by, day) for name in actuators})
    print(f"{park / FILE}: {len(actuators)} sealed for {by}, {day}")


def _wrong(field: str, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        Fault(
            file="stoplog commissioning", line=0, field=field, kind="setting", message=message, remedy=remedy
        )
    )
