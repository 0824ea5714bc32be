#!/usr/bin/env bash
# `make soak MINUTES=n`: play the demonstration scenario until n minutes have passed, each run with another seed.
# The first run whose result does not hold ends it with that run's status; its seed is printed and replays it.
set -euo pipefail
cd "$(dirname "$0")/../.."
minutes=$1
until=$(($(date +%s) + minutes * 60))
runs=0
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

while [ "$(date +%s)" -lt "$until" ]; do
  runs=$((runs + 1))
  echo "soak: run $runs, seed $runs"
  .venv/bin/stoplog demo --headless --scenario parks/lingang/scenarios/spill-in-storm.yaml --speed 60 \
    --seed "$runs" --json "$results/$runs.json" || { status=$?; echo "soak: run with seed $runs failed"; exit "$status"; }
done
echo "soak: $runs runs held in $minutes minutes"
