#!/usr/bin/env python3
"""The page docs/results/privacy.md below its first line, from the documents of `tributary bench privacy --json`: table.py small.json large.json"""
import json
import sys

MIB, KIB, MB = 1 << 20, 1 << 10, 1e6


def table(report):
    by_name = {cost["name"]: cost for cost in report["costs"]}
    print("| a result travels as | MiB a site | of fp32, with the protocol | protocol, KiB a site | a round, s (least, most) | times | peak memory, MB |\n|" + "---|" * 7)
    for cost in report["costs"]:
        sent = cost["resultBytes"] + cost["protocolBytes"]
        against = by_name.get(cost["against"] or "")
        times = f"{cost['seconds'] / against['seconds']:.2f} of {against['name']}" if against else ""
        print(f"| {cost['name']} | {cost['resultBytes'] / MIB:.1f} | {100 * sent / cost['fp32Bytes']:.1f} % | {cost['protocolBytes'] / KIB:.1f} "
              f"| {cost['seconds']:.1f} ({cost['secondsLeast']:.1f}, {cost['secondsMost']:.1f}) | {times} | {cost['peakBytes'] / MB:.0f} |")


def main():
    small, large = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
    print("Server and sites are in one process: the same model goes to each site and comes back changed, and the mean makes the next one. Nobody trains, so that a round is what moving and adding up takes. "
          "The time is the median of the rounds. Bytes of fp32 are the model's floats.\n")
    for report in (small, large):
        print(f"## {report['parameters']:,} parameters ({report['parameters'] * 4 / MB:.0f} MB as fp32), {report['sites']} sites, {report['rounds']} rounds each\n")
        table(report)
        print()
    masked = [next(cost["peakBytes"] for cost in report["costs"] if cost["name"] == "ring 8, masked") for report in (small, large)]
    print(f"The peak, of 17 parties in one process, does not grow with the model: {masked[0] / MB:.0f} MB under masks, and {masked[1] / MB:.0f} MB with twice the model.")


if __name__ == "__main__":
    main()
