#!/usr/bin/env bash
# bench/streaming/run.sh FOLDER: measures what docs/results/streaming.md tells, at full size, and writes its JSON files and tables.
# FOLDER is on a disk with 45 GiB free (60 with the 8B model); what is made in it is removed again. Takes about half an hour.
set -euo pipefail
folder=${1:?usage: bench/streaming/run.sh FOLDER}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
results=$root/docs/results
mkdir -p "$folder/work" "$results"
trap 'rm -rf "$folder/work" "$folder"/llama-*' EXIT
df -h "$folder" >&2

tributary() { "$root/tributary" "$@"; }
# bench NAME MODEL OPTIONS...
bench() {
  local name=$1 model=$2
  shift 2
  echo "== $name" >&2
  tributary bench streaming --model "$folder/$model" --work "$folder/work" "$@" --json >"$folder/work/$name.json"
  mv "$folder/work/$name.json" "$results/$name.json" # only when it is whole: what was measured before is committed there
  python3 "$root/bench/streaming/table.py" "$results/$name.json"
}

tributary model new --preset llama-3.2-1b --out "$folder/llama-1b" >&2
bench streaming llama-1b --precision fp32,bf16,int8,nf4 --runs 3
bench streaming-round-trip llama-1b --streaming file --precision fp32,nf4 --round-trip --sites 2 --runs 1
bench streaming-384MiB llama-1b --streaming file --precision fp32,nf4 --runs 1 --memory-limit 384
rm -rf "$folder/llama-1b"

tributary model new --preset llama-3.2-1b --scale 0.175 --out "$folder/llama-1000MiB" >&2
bench streaming-1000MiB llama-1000MiB --precision fp32,nf4 --runs 3
rm -rf "$folder/llama-1000MiB"

tributary model new --preset llama-3.1-8b --out "$folder/llama-8b" >&2
bench streaming-8b llama-8b --streaming file --precision bf16 --runs 1
