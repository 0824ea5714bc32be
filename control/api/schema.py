"""Writes the OpenAPI document of the API: `python -m control.api.schema [FILE]`."""

import json
import sys
from pathlib import Path

from control.api.application import application


def main(arguments: list[str]) -> int:
    """Write the document to the file named, or to standard output."""
    text = json.dumps(application(None).openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
