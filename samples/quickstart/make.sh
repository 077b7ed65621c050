#!/usr/bin/env bash
# make.sh [FOLDER]: makes everything in this folder again from nothing: the sites' records, the tokenizer and the base model.
# FOLDER is for what is not committed (general records, the untrained model, the training's report); a new one in /tmp otherwise.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=${1:-$(mktemp -d)}
run=$scratch/base
[ ! -e "$run" ] || { echo "make.sh: $run is there already; remove it or give another folder" >&2; exit 1; }

echo "1. records, tokenizer and an untrained model, into $scratch"
python3 "$here/make.py" "$scratch"
echo "2. training the base model on the general records"
"$here/../../tributary" simulate "$here/base.yaml" --model "$scratch/init" --data "$scratch" --out "$run"
echo "3. refreshing data/ and model/"
mkdir -p "$here/data" "$here/model"
cp "$scratch"/data/*.jsonl "$here/data/"
cp "$run/model/model.safetensors" "$scratch/init/config.json" "$scratch/init/tokenizer.json" "$here/model/"
python3 "$here/make.py" --check
du -sh "$here/data" "$here/model"
