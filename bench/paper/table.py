#!/usr/bin/env python3
"""The table of docs/results/convergence.md from the documents of `tributary bench convergence --json`: table.py results.json"""
import json
import sys


def percent(share):
    return f"{100 * share:.2f}"


def row(setting):
    runs, regret = setting["runs"], setting["regret"]
    mean = lambda values: sum(values) / len(values)
    interval = f"{percent(regret['mean'] - regret['halfWidth'])} to {percent(regret['mean'] + regret['halfWidth'])}" if regret else ""
    headers = sum(run["headerBytes"] for run in runs) / sum(run["fp32Bytes"] for run in runs) if setting["byteShare"] else None
    return [
        setting["name"],
        percent(setting["byteShare"]) if setting["byteShare"] else "-",
        percent(headers) if headers else "-",
        f"{mean([run['losses'][0] for run in runs]):.4f}",
        f"{mean([min(run['losses']) for run in runs]):.4f}",
        percent(regret["mean"]) if regret else "",
        interval,
        setting["against"] or "",
        {True: "holds", False: "; ".join(setting["failures"]), None: ""}[setting["passes"]],
    ]


def main():
    report = json.load(open(sys.argv[1], encoding="utf-8"))
    rounds = len(report["settings"][0]["runs"][0]["losses"]) - 1
    print(f"{report['model']}, {rounds} rounds, seeds {', '.join(map(str, report['seeds']))}, {report['started'][:10]}, {report['machine']}\n")
    heads = ["setting", "bytes, % of fp32", "headers, %", "first loss", "lowest loss", "regret, %", "95 % interval", "against", ""]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for setting in report["settings"]:
        print("| " + " | ".join(row(setting)) + " |")


if __name__ == "__main__":
    main()
