#!/usr/bin/env python3
"""What a server of many sites takes: 200 that wait for a task, and 20 that train; its memory, and the time from a task's being there to its being in a
site's hands. Everything over mutual TLS; the busy sites are processes of the program, the idle ones connections of this script.

    python3 bench/server/run.py [--idle 200] [--busy 20] [--rounds 5] > docs/results/server.json

Standard library only. Makes a folder of its own and removes it.
"""
import argparse
import datetime
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ["dotnet", str(ROOT / "src/Tributary.Cli/bin/Release/net10.0/tributary.dll")]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def tributary(folder, *arguments):
    done = subprocess.run([*PROGRAM, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"tributary {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def memory(pid, key):
    """A figure of /proc/PID/status, in MB of 10^6 bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise KeyError(key)


class IdleSite(threading.Thread):
    """A site that asks for its next task, and when it has one notes when, and asks no more."""

    def __init__(self, kit, port):
        super().__init__(daemon=True)
        self.context = ssl.create_default_context(cafile=str(kit / "ca.pem"))
        self.context.load_cert_chain(str(kit / "certificate.pem"), str(kit / "key.pem"))
        self.port, self.asked, self.handed = port, threading.Event(), None

    def run(self):
        connection = http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=300)
        while self.handed is None:
            connection.putrequest("GET", "/v1/tasks/next")
            connection.putheader("Prefer", "wait=60")
            connection.endheaders()
            self.asked.set()
            answer = connection.getresponse()
            first = time.time()
            answer.read()
            if answer.status == 200:
                self.handed = first
            elif answer.status != 204:
                sys.exit(f"an idle site was answered {answer.status}")


def job_file(folder, name, sites, rounds, task):
    workflow = "evaluate" if task == "evaluate" else "fedavg"
    (folder / f"{name}.yaml").write_text(
        f"name: {name}\nmodel: {ROOT / 'samples/quickstart/model'}\nworkflow: {workflow}\nrounds: {rounds}\nsites: [{', '.join(sites)}]\nsite_timeout: 3600\ntrain: {{ sequence_length: 128 }}\n")


def events(folder, job):
    return [json.loads(line) for line in tributary(folder, "job", "logs", job, "--kit", "kits/admins/alice", "--json").splitlines()]


def seconds_of(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--idle", type=int, default=200)
    parser.add_argument("--busy", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tributary-server-"))
    processes = []
    try:
        json.dump(measure(folder, processes, options), sys.stdout, indent=2)
        print()
    finally:
        for process in processes:
            process.kill()
            process.wait()
        shutil.rmtree(folder)


def measure(folder, processes, options):
    port = free_port()
    idle = [f"idle-{number:03}" for number in range(options.idle)]
    busy = [f"busy-{number:02}" for number in range(options.busy)]
    (folder / "project.yaml").write_text(f"name: many\nserver: {{ addresses: [localhost], port: {port} }}\nsites: [{', '.join(idle + busy)}]\nadmins: [alice]\n")
    tributary(folder, "provision", "project.yaml")
    records = (ROOT / "samples/quickstart/data/clinic.jsonl").read_text().splitlines(keepends=True)[:40]
    (folder / "records.jsonl").write_text("".join(records))

    server = subprocess.Popen([*PROGRAM, "server", "start", "--kit", "kits/server"], cwd=folder, stderr=subprocess.PIPE, text=True)
    processes.append(server)
    for line in server.stderr:
        if "listens at" in line:
            break
    threading.Thread(target=server.stderr.read, daemon=True).start()
    result = {"idle": len(idle), "busy": len(busy), "rounds": options.rounds, "server_started_mb": memory(server.pid, "VmRSS")}

    waiting = [IdleSite(folder / "kits/sites" / name, port) for name in idle]
    for site in waiting:
        site.start()
    for site in waiting:
        site.asked.wait()
    result["server_with_idle_mb"] = memory(server.pid, "VmRSS")

    for name in busy:
        processes.append(subprocess.Popen(
            [*PROGRAM, "site", "start", "--kit", f"kits/sites/{name}", "--data", "records.jsonl", "--model", str(ROOT / "samples/quickstart/model")],
            cwd=folder, stderr=subprocess.DEVNULL))
    job_file(folder, "busy", busy, options.rounds, "train")
    job_file(folder, "idle", idle, 1, "evaluate")
    tributary(folder, "job", "submit", "busy.yaml", "--kit", "kits/admins/alice")
    begun = time.time()
    while not any(event["kind"] == "model-saved" for event in events(folder, "busy")):
        time.sleep(1)

    # In the middle of the busy job: a task for all who wait.
    tributary(folder, "job", "submit", "idle.yaml", "--kit", "kits/admins/alice")
    for site in waiting:
        site.join(timeout=300)
    opened = next(seconds_of(event["time"]) for event in events(folder, "idle") if event["kind"] == "step-opened")
    handed = sorted(1000 * (site.handed - opened) for site in waiting)
    result["hand_out_ms"] = {"median": statistics.median(handed), "p95": handed[int(0.95 * len(handed))], "max": handed[-1]}
    tributary(folder, "job", "abort", "idle", "--kit", "kits/admins/alice")
    while json.loads(tributary(folder, "job", "show", "busy", "--kit", "kits/admins/alice", "--json"))["line"]["state"] == "Running":
        time.sleep(1)
    result["busy_job_seconds"] = time.time() - begun
    result["busy_job_state"] = json.loads(tributary(folder, "job", "show", "busy", "--kit", "kits/admins/alice", "--json"))["line"]["state"]
    result["server_peak_mb"] = memory(server.pid, "VmHWM")
    result["server_end_mb"] = memory(server.pid, "VmRSS")
    return {key: round(value, 1) if isinstance(value, float) else value for key, value in result.items()} | {
        "hand_out_ms": {key: round(value, 1) for key, value in result["hand_out_ms"].items()}, "machine": f"{os.cpu_count()} cores"}


if __name__ == "__main__":
    main()
