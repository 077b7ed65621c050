#!/usr/bin/env python3
"""The size table from the document of `tributary bench sizes --json`: sizes.py sizes.json"""
import json
import sys

report = json.load(open(sys.argv[1], encoding="utf-8"))
print("| precision | payload MiB | meta MiB, as the paper counts | % | meta MiB, as sent | % |\n|---|---|---|---|---|---|")
for row in report["precisions"]:
    print(f"| {row['precision']} | {row['payloadMiB']:.2f} | {row['paperMetaMiB']:.2f} | {row['paperPercent']:.2f} | {row['sentMetaMiB']:.2f} | {row['sentPercent']:.2f} |")
