#!/usr/bin/env python3
"""Prints the documents of `tributary bench aggregation --json` as the tables of docs/results/aggregation.md.

    table.py FILE...

Standard library only.
"""

import json
import sys

MB = 1e6
MIB = 1 << 20


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def show(document):
    setup = document["setup"]
    peaks = [peak["peakBytes"] / MB for peak in document["peaks"]]
    use = {"writeout": "written out at fp32", "lazy": "read as the result is sent", "read": "read once before"}[setup["use"]]
    print(f"{setup['modelBytes'] / MIB:.2f} MiB, {setup['tensors']} tensors; {setup['sites']} site(s), {setup['exchange']} in {setup['precision']}, the received model {use}.")
    print(f"Peaks: server {peaks[0]:.0f} MB, largest site {max(peaks[1:]):.0f} MB, all processes {sum(peaks):.0f} MB.")
    speeds = {name: value / 1e9 for name, value in document["speeds"].items()}
    print(f"Speeds: page cache {speeds['cachedRead']:.1f} GB/s, disk {speeds['diskRead']:.1f}, socket {speeds['socket']:.1f}, write and fsync {speeds['write']:.1f}.")
    print()
    row("round", "message MiB", "encode s", "download s", "return s", "merge s", "round s", "floor of the merge s", "floor of the round s", "merge, of floor", "round, of floor")
    row(*["---"] * 11)
    for figures in document["rounds"]:
        phases = {phase["phase"]: phase for phase in figures["phases"]}
        row(
            figures["round"], f"{figures['messageBytes'] / MIB:.2f}", f"{figures['encodeSeconds']:.1f}",
            *(f"{phases[name]['seconds']:.1f}" for name in ("download", "return", "merge", "round")),
            *(f"{phases[name]['floorSeconds']:.1f}" for name in ("merge", "round")),
            *(f"{phases[name]['ofFloor']:.2f}" for name in ("merge", "round")))
    print()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            show(json.load(file))
