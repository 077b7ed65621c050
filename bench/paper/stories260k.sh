#!/usr/bin/env bash
# Runs stories260k.yaml at every precision, as weights and as deltas, and prints the losses side by side as a Markdown table.
#   bench/paper/stories260k.sh MODEL_DIR DATA_DIR [OUT_DIR] [--rounds N ...]
set -euo pipefail
[ $# -ge 2 ] || { sed -n 3p "$0" | cut -c3-; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
model=$1 data=$2 out=${3:-out/paper-stories260k}
shift $(($# < 3 ? $# : 3))
mkdir -p "$out"
echo "| precision | exchange | initial loss | final loss | bytes of fp32 | seconds | peak MiB |"
echo "|---|---|---|---|---|---|---|"
for precision in fp32 fp16 bf16 int8 fp4 nf4; do
  for exchange in weights delta; do
    "$here/../../tributary" simulate "$here/stories260k.yaml" --model "$model" --data "$data" --precision "$precision" \
      --exchange "$exchange" --out "$out/$precision-$exchange" --json "$@" >"$out/$precision-$exchange.json" 2>"$out/$precision-$exchange.log" || { tail -n 1 "$out/$precision-$exchange.log" >&2; exit 1; }
    python3 - "$out/$precision-$exchange.json" "$precision" "$exchange" <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))
share = (run["bytesDown"] + run["bytesUp"]) / (run["fp32BytesDown"] + run["fp32BytesUp"])
print(f"| {sys.argv[2]} | {sys.argv[3]} | {run['initialLoss']:.4f} | {run['finalLoss']:.4f} | {100 * share:.2f} % "
      f"| {run['seconds']:.0f} | {run['peakRssBytes'] / 2**20:.0f} |", flush=True)
PY
  done
done
