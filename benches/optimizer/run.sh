#!/usr/bin/env bash
# The optimizer against its peers: benches/optimizer/run.sh [FOLDER] [SEEDS]
# FOLDER holds bench.py, the problems and the peers' raw runs; it is copied, never written to.
set -euo pipefail
cd "$(dirname "$0")/../.."

bench=${1:-../shared/bench/optimizer}
seeds=${2:-30}
[ -f "$bench/bench.py" ] || { echo "$bench/bench.py: no benchmark here: name its folder" >&2; exit 2; }

cargo build --release --locked --no-default-features --example ask_tell
program=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')/release/examples/ask_tell

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp -r "$bench/." "$place"
cd "$place"
python3 bench.py run tuning-operator --cmd "$program" --seeds "$seeds" --jobs 1 --reuse
python3 bench.py report >/dev/null
grep -E '^(#|\|)' RESULTS.md | sed -n '1,60p'
