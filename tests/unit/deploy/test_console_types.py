"""The console's types come from the API as it is: the document that they were generated from is the API's own."""

import json
import re
from pathlib import Path

from control.api.application import application

CONSOLE = Path(__file__).parents[3] / "dashboards/console"


def test_the_document_is_the_apis() -> None:
    """After a change of the API: `python -m control.api.schema dashboards/console/openapi.json`, then `npm run types`."""
    assert json.loads((CONSOLE / "openapi.json").read_text("utf-8")) == json.loads(
        json.dumps(application(None).openapi())
    )


def test_the_types_know_every_route() -> None:
    document = json.loads((CONSOLE / "openapi.json").read_text("utf-8"))
    known = set(
        re.findall(
            r'^    "(/[^"]*)": \{', (CONSOLE / "src/data/schema.d.ts").read_text("utf-8"), re.MULTILINE
        )
    )
    assert set(document["paths"]) <= known
