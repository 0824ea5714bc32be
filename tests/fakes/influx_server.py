"""A stand-in for InfluxDB 2 over HTTP: it holds each request against InfluxDB's published API contract and notes what is wrong.

It keeps points as InfluxDB documents it (a field written again replaces the first) and answers the shapes of Flux that our adapter
asks, as annotated CSV. It shows that the adapter speaks the contract; what a real server does beyond it is not shown here.
"""

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

import jsonschema

CONTRACT = json.loads((Path(__file__).parents[1] / "data" / "influxdb2_api.json").read_text("utf-8"))
TOKEN, BUCKET, ORGANISATION = "a token", "stoplog", "stoplog"
"""What the server knows."""

_LINE = re.compile(r"([^,\s]+)((?:,[^,=\s]+=[^,=\s]+)*) ((?:[^,=\s]+=[^,=\s]+,?)+)(?: (-?\d+))?\Z")
_FLUX = re.compile(
    r'from\(bucket: "(?P<bucket>[^"]+)"\)'
    r" \|> range\(start: time\(v: (?P<start>\d+)\), stop: time\(v: (?P<stop>\d+)\)\)"
    r' \|> filter\(fn: \(r\) => r\._measurement == "(?P<name>[^"]+)" and r\.park == "(?P<park>[^"]+)" and \((?P<match>[^()]+)\)\)'
    r"(?: \|> (?P<tail>last|count)\(\))?\Z"
)
Series = tuple[str, str, str, str]
"""Measurement, park, point, field."""
_UNITS = {"ms": 1_000_000, "s": 1_000_000_000, "us": 1000, "ns": 1}


class InfluxServer:
    """The server, in threads of its own."""

    def __init__(self) -> None:
        self.series: dict[Series, dict[int, float]] = {}
        """Values by time in nanoseconds."""
        self.violations: list[str] = []
        """What requests did that the contract does not allow."""
        self.refuse_with: int | None = None
        """Answer everything with this status of the contract."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # http.server's
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, kind, answer = outer.answer(self.path, dict(self.headers.items()), body)
                self.send_response(status)
                if answer:
                    self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def answer(self, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        """Return status, type and body of the answer."""
        path = urlsplit(target).path.removeprefix(CONTRACT["servers"][0]["url"])
        operation = CONTRACT["paths"].get(path, {}).get("post")
        if operation is None:
            self.violations.append(f"no such operation: POST {target}")
            return _refusal(404, "not found")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        self.violations += _faults(operation, asked, headers, body)
        if self.refuse_with is not None:
            return _refusal(self.refuse_with, "as the test wants")
        if headers.get("Authorization") != f"Token {TOKEN}":
            return _refusal(401, "unauthorized access")
        if asked.get("org") != ORGANISATION:
            return _refusal(404, "organization not found")
        return self._write(asked, body) if path == "/write" else self._query(json.loads(body))

    def _write(self, asked: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        if asked.get("bucket") != BUCKET:
            return _refusal(404, "bucket not found")
        unit = _UNITS[asked.get("precision", "ns")]
        for number, line in enumerate(body.decode().splitlines(), 1):
            found = _LINE.match(line)
            if found is None:
                self.violations.append(f"line {number} is no line protocol: {line!r:.80}")
                return _refusal(400, f"unable to parse line {number}")
            tags = dict(tag.split("=") for tag in found[2].strip(",").split(",") if tag)
            for field in found[3].split(","):
                name, value = field.split("=")
                series = (found[1], tags["park"], tags["point"], name)
                self.series.setdefault(series, {})[int(found[4]) * unit] = float(value)
        return 204, "", b""

    def _query(self, asked: Mapping[str, str]) -> tuple[int, str, bytes]:
        found = _FLUX.match(asked["query"])
        if found is None:
            self.violations.append(f"not a question that we know: {asked['query']}")
            return _refusal(400, "compilation failed")
        if found["bucket"] != BUCKET:
            return _refusal(404, "could not find bucket")
        if not int(found["start"]) < int(found["stop"]):
            return _refusal(400, "error in building plan: cannot query an empty range")
        chosen = {
            series: {
                at: value for at, value in values.items() if int(found["start"]) <= at < int(found["stop"])
            }
            for series, values in sorted(self.series.items())
            if series[:2] == (found["name"], found["park"]) and _matches(found["match"], series)
        }
        lines = _csv({series: values for series, values in chosen.items() if values}, found["tail"])
        return 200, "application/csv; charset=utf-8", "\r\n".join(lines).encode()


def _matches(match: str, series: Series) -> bool:
    terms = match.split(" or ")
    return any(term in {"true", f'r.point == "{series[2]}"', f'r._field == "{series[3]}"'} for term in terms)


def _csv(chosen: Mapping[Series, Mapping[int, float]], tail: str | None) -> Iterator[str]:
    kind = "long" if tail == "count" else "double"
    time_columns = [] if tail == "count" else [("_time", "dateTime:RFC3339", "false")]
    columns = [
        ("result", "string", "false"), ("table", "long", "false"), *time_columns, ("_value", kind, "false"),
        *((name, "string", "true") for name in ("_field", "_measurement", "park", "point")),
    ]  # fmt: skip
    if not chosen:
        return
    yield "#datatype," + ",".join(kind for _, kind, _ in columns)
    yield "#group," + ",".join(group for _, _, group in columns)
    yield "#default,_result" + "," * (len(columns) - 1)
    yield "," + ",".join(name for name, _, _ in columns)
    for table, ((name, park, point, field), values) in enumerate(chosen.items()):
        for cells in _records(values, tail):
            yield ",".join(["", "", str(table), *cells, field, name, park, point])
    yield ""


def _records(values: Mapping[int, float], tail: str | None) -> Iterable[list[str]]:
    if tail == "count":
        return [[str(len(values))]]
    times = [max(values)] if tail == "last" else sorted(values)
    return [[_rfc3339(at), repr(values[at])] for at in times]


def _rfc3339(at_ns: int) -> str:
    whole = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{at_ns % 1_000_000_000:09d}".rstrip("0").rstrip(".") + "Z"


def _refusal(status: int, message: str) -> tuple[int, str, bytes]:
    codes = {400: "invalid", 401: "unauthorized", 404: "not found", 413: "request too large", 429: "too many requests",
             503: "unavailable"}  # fmt: skip
    answer = {"code": codes.get(status, "internal error"), "message": message}
    jsonschema.validate(answer, _resolved({"$ref": "#/components/schemas/Error"}))
    return status, "application/json", json.dumps(answer).encode()


def _faults(
    operation: Mapping[str, object], asked: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> Iterator[str]:
    """Yield what the contract does not allow in a request."""
    known = [_resolved(parameter) for parameter in _list(operation["parameters"])]
    given = {"query": asked, "header": headers}
    for parameter in known:
        name, value = parameter["name"], given[parameter["in"]].get(parameter["name"])
        if value is None:
            if parameter.get("required"):
                yield f"{name} is wanted"
        elif parameter["schema"].get("type") == "string":
            try:
                jsonschema.validate(value, parameter["schema"])
            except jsonschema.ValidationError as error:
                yield f"{name}: {error.message}"
    for name in asked.keys() - {parameter["name"] for parameter in known if parameter["in"] == "query"}:
        yield f"{name} is unknown"
    content = _resolved(operation["requestBody"])["content"]
    kind = headers.get("Content-Type", "").split(";")[0]
    if kind not in content:
        yield f"a body of type {kind}"
    elif kind == "application/json":
        try:
            jsonschema.validate(json.loads(body), _resolved(content[kind]["schema"]))
        except jsonschema.ValidationError as error:
            yield f"body: {error.message}"


def _list(value: object) -> list[dict[str, str]]:
    assert isinstance(value, list)
    return value


def _resolved(part: object) -> dict[str, dict[str, dict[str, str]]]:  # whatever the contract has there
    """Return a part of the contract with everything that it refers to in its place."""
    if isinstance(part, list):
        return [_resolved(item) for item in part]  # type: ignore[return-value]
    if not isinstance(part, dict):
        return part  # type: ignore[return-value]
    if "$ref" in part:
        found = CONTRACT
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return _resolved(found)
    return {name: _resolved(value) for name, value in part.items()}
