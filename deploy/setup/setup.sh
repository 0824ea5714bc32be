#!/usr/bin/env bash
# `make setup`: an environment in .venv with everything that runs Stoplog, and the built console.
# Installs into .venv and dashboards/console/node_modules only; a second run finds its stamps and installs nothing.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
cd "$ROOT"
. deploy/setup/steps.sh

CONSOLE=dashboards/console
PEERS=tests/peers

make_environment() {
  "$(find_python)" -m venv --clear .venv
}

install_locked() {
  .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r "$1"
}

# The project itself, as a .pth line; what builds it came with the lock, so nothing is looked up.
install_project() {
  .venv/bin/python -m pip install -qq --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
}

install_console() {
  deploy/setup/npm.sh ci --no-audit --no-fund --loglevel=error >/dev/null
}

# Programs of others that tests talk to; none of their scripts need run.
install_peers() {
  NPM_FOLDER=$PEERS deploy/setup/npm.sh ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
}

build_console() {
  deploy/setup/npm.sh run --silent build -- --logLevel warn
}

console_sources() {
  find "$CONSOLE" -name node_modules -prune -o -name tests -prune -o -type f -print | LC_ALL=C sort
}

mapfile -t missing < <(missing_for_setup)
[ "${#missing[@]}" -eq 0 ] || stop_for_packages "${missing[@]}"

# An environment whose interpreter is gone (moved tree, upgraded system) is made anew.
if ! .venv/bin/python -c '' 2>/dev/null; then
  step environment "$(date +%s)" "making .venv with $("$(find_python)" --version 2>&1)" make_environment
fi

step run "$(hash_of requirements/run.txt)" \
  "installing $(grep -c == requirements/run.txt) locked Python packages" install_locked requirements/run.txt
if [ "${1:-}" = with-tests ]; then
  step test "$(hash_of requirements/test.txt)" \
    "installing the locked packages for tests and checks" install_locked requirements/test.txt
  [ -d "$PEERS/node_modules" ] || rm -f "$STAMPS/peers"
  step peers "$(hash_of "$PEERS/package.json" "$PEERS/package-lock.json")" \
    "installing the locked npm packages that tests talk to" install_peers
fi
step project "$(hash_of pyproject.toml)" "installing stoplog itself from this folder" install_project

if [ -f "$CONSOLE/package-lock.json" ]; then
  [ -d "$CONSOLE/node_modules" ] || rm -f "$STAMPS/console-packages"
  [ -f dashboards/static/index.html ] || rm -f "$STAMPS/console"
  step console-packages "$(hash_of "$CONSOLE/package.json" "$CONSOLE/package-lock.json")" \
    "installing the console's locked npm packages" install_console
  mapfile -t sources < <(console_sources)
  step console "$(hash_of "${sources[@]}")" "building the console" build_console
fi

if [ "${INSTALLED:-0}" -eq 0 ]; then say "everything is installed"; fi
