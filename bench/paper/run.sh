#!/usr/bin/env bash
# bench/paper/run.sh [--model DIR] [--data DIR] [--scale SHARE] [--work DIR]: rebuilds docs/results/paper.md with the size table, the streaming table and the convergence figure
# and tables. The model and the data are public; README.md beside this file says from where. --scale is the share of Llama-3.2-1B that is streamed: 0.175 are 1000 MiB, 1 is
# all of it (45 GiB of disk). What has run is kept in out/, so that it goes on where it was cut short.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
model=$root/../shared/models/stories260K data=$root/../shared/data scale=0.175 work=$(mktemp -d)
trap 'rm -rf "$work/paper-llama"' EXIT
while [ $# -gt 0 ]; do
  case $1 in
    --model) model=$2 ;;
    --data) data=$2 ;;
    --scale) scale=$2 ;;
    --work) work=$2 ;;
    *) sed -n 2,4p "$0" | cut -c3- >&2; exit 2 ;;
  esac
  shift 2
done
tributary() { "$root/tributary" "$@"; }
results=$root/docs/results page=$root/docs/results/paper.md
mkdir -p "$results" "$work"

echo "== sizes" >&2
tributary bench sizes --model llama-3.2-1b --json >"$results/sizes.json"
echo "== streaming, $scale of Llama-3.2-1B" >&2
tributary model new --preset llama-3.2-1b --scale "$scale" --out "$work/paper-llama" >&2
tributary bench streaming --model "$work/paper-llama" --work "$work" --precision fp32,bf16,int8,nf4 --runs 1 --json | sed "s#$work/##; s#\"$work\"#\".\"#" >"$results/streaming-paper.json"
rm -rf "$work/paper-llama"
echo "== convergence" >&2
# 1 says that a setting does not hold what it is held to: the table shows which.
tributary bench convergence "$root/bench/paper/convergence.yaml" --model "$model" --data "$data" --out "$root/out/paper" --parallel 2 --json >"$results/convergence.json" || [ $? -eq 1 ]
python3 "$root/bench/paper/figure.py" "$results/convergence.json" fp32 "fp4 weights" "nf4 weights" nf4 int2 int1 "topk, tuned" >"$results/convergence.svg"
{
  printf '# The paper in our figures\n\nMade by `./build.sh paper --scale %s` on %s, %s cores (%s).\n' "$scale" "$(date +%F)" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p;T;q' /proc/cpuinfo)"
  printf '\n## Sizes of Llama-3.2-1B\n\n'
  python3 "$root/bench/paper/sizes.py" "$results/sizes.json"
  printf '\n## Streaming, %s of Llama-3.2-1B\n\n' "$scale"
  python3 "$root/bench/streaming/table.py" "$results/streaming-paper.json"
  printf '\n## Convergence\n\n![Held-out loss by round](convergence.svg)\n\n'
  python3 "$root/bench/paper/table.py" "$results/convergence.json"
} >"$page"
echo "$page"
