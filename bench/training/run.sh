#!/usr/bin/env bash
# Everything in docs/results/training.md: bench/training/run.sh, with nothing else running. Some two minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
model=stories15m
measure() { ./tributary bench training --model $model --sequence 512 --rounds 5 --json "$@"; }
{
  echo '['
  measure --batch 4
  echo ','
  measure --batch 1
  echo ','
  measure --batch 8
  echo ','
  measure --batch 4 --threads 1
  echo ']'
} > docs/results/training.json
python3 bench/training/table.py docs/results/training.json
