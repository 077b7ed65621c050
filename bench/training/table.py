#!/usr/bin/env python3
"""The table of docs/results/training.md from the documents of `tributary bench training --json`: table.py training.json"""
import json
import sys


def row(run, name, peak, speeds, of_torch):
    forward, step = speeds["forward"], speeds["step"]
    return [
        f"{run['batch']} x {run['sequence']}", str(run["threads"]), name, f"{peak:.0f}" if peak else "",
        f"{forward['tokensPerSecond']:.0f}", f"{forward['gflops']:.0f}", f"{forward['gflops'] / peak:.2f}" if peak else "",
        f"{step['tokensPerSecond']:.0f}", f"{step['gflops']:.0f}", f"{step['gflops'] / peak:.2f}" if peak else "",
        f"{of_torch:.2f}" if of_torch else "",
    ]


def main():
    runs = json.load(open(sys.argv[1], encoding="utf-8"))
    heads = ["batch", "threads", "", "peak GFLOP/s", "forward tokens/s", "GFLOP/s", "of peak", "step tokens/s", "GFLOP/s", "of peak", "of torch's tokens/s"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for run in runs:
        for kernel in run["kernels"]:
            print("| " + " | ".join(row(run, kernel["kernel"], kernel["peakGflops"], kernel, kernel["stepOfTorch"])) + " |")
        if run["torch"]:
            print("| " + " | ".join(row(run, "torch " + run["torch"]["version"], None, run["torch"], None)) + " |")


if __name__ == "__main__":
    main()
