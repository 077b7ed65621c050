#!/usr/bin/env bash
# bench/aggregation/run.sh FOLDER: measures what docs/results/aggregation.md tells, at full size, and writes its JSON files and tables.
# FOLDER is on a disk with 62 GiB free; what is made in it is removed again. Takes about ten minutes.
set -euo pipefail
folder=${1:?usage: bench/aggregation/run.sh FOLDER}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
results=$root/docs/results
mkdir -p "$folder/work" "$results"
trap 'rm -rf "$folder/work" "$folder"/model-*' EXIT
df -h "$folder" >&2

tributary() { "$root/tributary" "$@"; }
# bench NAME MODEL OPTIONS...
bench() {
  local name=aggregation-$1 model=$2
  shift 2
  echo "== $name" >&2
  tributary bench aggregation --model "$folder/model-$model" --work "$folder/work" "$@" --json >"$results/$name.json"
  python3 "$root/bench/aggregation/table.py" "$results/$name.json"
}

tributary model new --preset llama-3.2-1b --scale 0.035 --out "$folder/model-200MiB" >&2
bench 200MiB-6-sites 200MiB --sites 6 --precision nf4
bench 200MiB-64-sites 200MiB --sites 64 --precision nf4
bench 200MiB-6-sites-fp32 200MiB --sites 6 --precision fp32
bench 200MiB-64-sites-fp32 200MiB --sites 64 --precision fp32
rm -rf "$folder/model-200MiB"

tributary model new --preset llama-3.2-1b --scale 0.175 --out "$folder/model-1000MiB" >&2
bench 1000MiB 1000MiB --sites 2 --precision fp32 --rounds 2
bench 1000MiB-delta 1000MiB --sites 2 --precision nf4 --rounds 3 --exchange delta
rm -rf "$folder/model-1000MiB"

tributary model new --preset gpt2-large --out "$folder/model-gpt2-large" >&2
bench gpt2-large-nf4 gpt2-large --sites 6 --precision nf4
bench gpt2-large-nf4-write-out gpt2-large --sites 6 --precision nf4 --write-out
bench gpt2-large-fp32 gpt2-large --sites 6 --precision fp32
