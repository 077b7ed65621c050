#!/usr/bin/env bash
# bench/privacy/run.sh [WORK]: what privacy costs a round of 16 sites, at two sizes of model, into docs/results/privacy.md and its JSON. Some 2 GiB of disk in WORK; 4 minutes on two cores.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=${1:-$(mktemp -d)}
trap 'rm -rf "$work/privacy-model" "$work/privacy-model-4"' EXIT
results=$root/docs/results
"$root/tributary" model new --preset llama-3.2-1b --scale 0.02 --out "$work/privacy-model" >&2
"$root/tributary" model new --preset llama-3.2-1b --scale 0.04 --out "$work/privacy-model-4" >&2
"$root/tributary" bench privacy --model "$work/privacy-model" --work "$work" --rounds 4 --setting fp32 --setting nf4 --setting "ring 8" --setting "ring 8, masked" --setting "fp32, noise at the sites" --json >"$results/privacy.json"
"$root/tributary" bench privacy --model "$work/privacy-model-4" --work "$work" --rounds 1 --setting "ring 8, masked" --json >"$results/privacy-2.json"
{
  printf '# What privacy costs a round\n\nMade by `bench/privacy/run.sh` on %s, %s cores (%s). ' "$(date +%F)" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p;T;q' /proc/cpuinfo)"
  python3 "$root/bench/privacy/table.py" "$results/privacy.json" "$results/privacy-2.json"
} >"$results/privacy.md"
echo "$results/privacy.md"
