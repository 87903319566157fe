#!/usr/bin/env bash
# The optimizer against its peers: builds `tuning ask-tell` alone and plays the benchmark with it.
#
#   benches/optimizer/run.sh [FOLDER]      FOLDER holds bench.py and the peers' results
#   SEEDS=30 FIRST_SEED=0 JOBS=1 NAME=ours  may be set
set -euo pipefail
cd "$(dirname "$0")/../.."
bench=${1:-../shared/bench/optimizer}
if [ ! -f "$bench/bench.py" ]; then
    echo "no bench.py in $bench: give the folder of the benchmark" >&2
    exit 2
fi

cargo build --release --locked --no-default-features --example ask_tell
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')

# The benchmark writes beside itself: it is copied, and stays as it was.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$bench/." "$work/"
name=${NAME:-ours}
(
    cd "$work"
    python3 bench.py run "$name" --cmd "$target/release/examples/ask_tell" --reuse \
        --seeds "${SEEDS:-30}" --first-seed "${FIRST_SEED:-0}" --jobs "${JOBS:-1}" --out "results/$name.json"
    python3 bench.py report --json report.json --md report.md
)
mkdir -p runs
cp "$work/results/$name.json" "runs/optimizer-$name.json"
cp "$work/report.md" runs/optimizer-report.md
echo "runs/optimizer-report.md has the whole report"
