"""table.py FILE.json: the figures of `tributary bench streaming --json` as a Markdown table. Median, and least to most where there are several runs."""
import json
import sys

MIB = 1 << 20


def spread(value, unit=1.0, digits=1):
    if value is None:
        return "-"
    low, mid, high = (f"{value[key] / unit:.{digits}f}" for key in ("min", "median", "max"))
    return mid if low == high else f"{mid} ({low} to {high})"


def main(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    setup = report["setup"]
    print(f"{setup['modelBytes'] / MIB:.2f} MiB, {setup['tensors']} tensors; {setup['sites']} site(s); {setup['runs']} run(s); "
          f"{setup['cores']} cores, {setup['memoryAvailableBytes'] / 2**30:.1f} GiB; {setup['fileSystem']}, "
          f"{setup['diskFreeBytes'] / 2**30:.0f} GiB free before\n")
    trip = setup["roundTrip"]
    socket = next(floor["seconds"]["median"] for floor in report["floors"] if "socket" in floor["floor"])
    print("| precision | streaming | message MiB | server MB | site MB | all MB | verified s | read s |" + (" returned s | merge s |" if trip else "") + " job s | verified, of socket | job, of socket |")
    print("|---|---|---|---|---|---|---|---|" + ("---|---|" if trip else "") + "---|---|---|")
    for job in report["jobs"]:
        cells = [job["precision"], job["streaming"], f"{job['message']['total'] / MIB:.2f}"]
        cells += [spread(job[key], 1e6, 0) for key in ("serverPeakBytes", "sitePeakBytes", "peakBytes")]
        cells += [spread(job[key]) for key in ("verifiedSeconds", "readSeconds") + (("uploadedSeconds", "mergeSeconds") if trip else ()) + ("jobSeconds",)]
        cells += [f"{job['verifiedSeconds']['median'] / socket:.2f}", f"{job['ofSocketFloor']:.2f}"]
        print("| " + " | ".join(cells) + " |")
    for floor in report["floors"]:
        buffers = f", buffers of {floor['bufferBytes'] // 1024} KiB" if floor["bufferBytes"] else ""
        print(f"| floor: {floor['floor']}{buffers} | | | | | | | |" + (" | |" if trip else "") + f" {spread(floor['seconds'])} | | |")
    print()


if __name__ == "__main__":
    main(sys.argv[1])
