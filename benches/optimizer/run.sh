#!/usr/bin/env bash
# The optimizer against its peers, and how far it may be trusted: benches/optimizer/run.sh [FOLDER] [SEEDS]
# FOLDER holds bench.py, the problems and the peers' raw runs; it is copied, never written to. Without it the peers are left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/benches/optimizer

bench=${1:-../shared/bench/optimizer}
seeds=${2:-30}

cargo build --release --locked --no-default-features --example ask_tell --example trust --example many
programs=$(scripts/target-dir)/release/examples

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
if [ -f "$bench/bench.py" ]; then
    cp -r "$bench/." "$place"
    (
        cd "$place"
        python3 bench.py run tuning-operator --cmd "$programs/ask_tell" --seeds "$seeds" --jobs 1 --reuse
        python3 bench.py report >/dev/null
        grep -E '^(#|\|)' RESULTS.md | sed -n '1,60p'
    )
else
    echo "$bench/bench.py: no comparison with the peers here: name its folder to have it"
fi

echo "== how far it may be trusted: means over $seeds seeds (regrets: geometric, plus 0.001, in units of a random point's)"
"$programs/trust" all "$seeds" >"$place/trust"
python3 "$here/compare.py" "$place/trust"
echo "== a warm start: the first trial within a twentieth of a random point's regret"
"$programs/trust" warm "$seeds" >"$place/warm"
python3 "$here/compare.py" "$place/warm"
echo "== what it costs"
"$programs/many" cost
