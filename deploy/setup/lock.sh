#!/usr/bin/env bash
# `make lock`: resolve pyproject.toml anew and write requirements/*.txt with the hashes of every file of every package.
# No address and no path of this machine gets in, so that a lock serves any machine and any mirror.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
cd "$ROOT"

lock() {
  local out=requirements/$1.txt
  shift
  .venv/bin/uv pip compile --quiet --no-config --no-header --no-annotate \
    --universal --fork-strategy fewest --python-version 3.11 --generate-hashes -o "$out" "$@" pyproject.toml
  sed -i "1i # Written by \`make lock\` from pyproject.toml. Installed with --require-hashes." "$out"
}

# The whole first, then each service within it, so that all of them agree.
lock test --extra dev
lock run --constraint requirements/test.txt --extra demo --extra build
for service in gateway ingest control simulators; do
  lock "$service" --constraint requirements/test.txt --extra "$service"
done
