#!/usr/bin/env bash
# `make soak MINUTES=n`: play the demonstration scenario until n minutes have passed, each run with another seed; then play
# seeded faults over the data path for as long, each run with another seed (docs/soak-faults.txt).
# The first run whose result does not hold ends it with that run's status; its seed is printed and replays it.
# A million commands are played through the simulated command system (docs/soak-commands.txt; COMMANDS=n for another number).
# Then an outage of 24 h of model time is back-filled (docs/soak-outage.txt), which takes some 20 minutes more.
# After all that every deciding module is changed by one mistake at a time (docs/mutation.md), which takes about an hour.
# What it prints also goes to docs/soak.txt: the last long figures, with seed, machine and commit.
set -euo pipefail
cd "$(dirname "$0")/../.."
minutes=$1
until=$(($(date +%s) + minutes * 60))
scenario=parks/lingang/scenarios/spill-in-storm.yaml
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

play() {
  echo "soak of $(date -u +%Y-%m-%dT%H:%MZ), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
  echo "machine: $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(.venv/bin/python -V)"
  echo "$scenario at up to x 60"
  runs=0
  while [ "$(date +%s)" -lt "$until" ]; do
    runs=$((runs + 1))
    echo && echo "run $runs, seed $runs"
    .venv/bin/stoplog demo --headless --scenario "$scenario" --speed 60 --state state/soak --seed "$runs" \
      --json "$results/$runs.json" || { status=$?; echo "soak: the run with seed $runs failed"; return "$status"; }
  done
  echo && echo "soak: $runs runs held in $minutes minutes"
}

# New examples for every property: `make test` draws the same ones each time.
EXPLORE=1 .venv/bin/python -m pytest -q -n 2 tests/properties tests/unit
EXPLORE=1 .venv/bin/python -m pytest -q tests/service/control/test_document_holds.py
play 2>&1 | tee docs/soak.txt
.venv/bin/python -m tests.faults --minutes "$minutes" 2>&1 | tee docs/soak-faults.txt
.venv/bin/python -m tests.simulation --commands "${COMMANDS:-1000000}" --seed "${SEED:-1}" 2>&1 | tee docs/soak-commands.txt
.venv/bin/python -m tests.outage --hours 24 2>&1 | tee docs/soak-outage.txt
# One mistake at a time in every deciding module: at least 90 % are noticed (docs/mutation.md).
.venv/bin/python -m tests.mutation --keep
