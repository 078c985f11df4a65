#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench apply`: apply.py [--consumers=N] [--applies=N] [--quick] [--json]

What an apply that changes one endpoint's weight costs beside many consumers. Both processes of build/ run without packets
(DPDK's net_null, no huge pages). whole is `sluicectl apply`, mostly the reading of the file; take_over is from the
sending of the parts to the dataplane's answer, when all workers run the generation; sent is what was handed over, and
first the same of the first generation. The others are changes by command, from the start of sluicectl to its end: they
return when all workers act on them. Times are medians, those of an apply by control's log.
"""
import argparse
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import report

SENT_KIB_MOST = 64
TAKE_OVER_MS_MOST = 50

CONFIG = """version = 1;
dataplane: {{ workers = 1; connections = 1000;
  ports = ( {{ name = "p"; device = "net_null0"; addresses = [ "10.0.0.1/24" ]; }} ); }};
listeners = ( {{ name = "web"; port = "p"; bind = "10.0.0.1:80"; }} );
backends = ( {{ name = "b"; endpoints = ( {{ address = "10.0.0.2:80"; weight = {weight}; }} ); }} );
credentials = ( {{ name = "key"; in = "header"; header = "X-API-Key"; pattern = "^ak_[a-z0-9]{{16}}$"; }} );
apis = ( {{ name = "a"; auth = [ "key" ]; routes = ( {{ path = "/*"; backend = "b"; }} ); }} );
plans = ( {{ name = "p"; apis = [ "a" ]; limits = ( {{ rate = "100/s"; }} ); }}, {{ name = "q"; apis = [ "a" ]; }} );
key_files = [ "{keys}" ];
"""


# What is measured of each, in this order; "{n}" is another number each time.
CHANGES = {
    "consumer_add": ("consumer", "add", "new-{n}", "--plan", "p"),
    "key_add": ("key", "add", "new-{n}", "k"),
    "consumer_plan": ("consumer", "plan", "new-{n}", "q"),
    "consumer_remove": ("consumer", "remove", "new-{n}"),
    "endpoint_add": ("endpoint", "add", "b", "10.0.0.{n}:80"),
    "endpoint_weight": ("endpoint", "weight", "b", "10.0.0.{n}:80", "7"),
    "endpoint_remove": ("endpoint", "remove", "b", "10.0.0.{n}:80"),
}


def write_keys(path, count):
    with open(path, "w", encoding="ascii") as f:
        for i in range(count):
            f.write(f"consumer-{i},p,k,{hashlib.sha256(str(i).encode()).hexdigest()}\n")


def wait_for(ready, what, run, seconds=300):
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end or any(process.poll() is not None for process in run.started):
            raise RuntimeError(f"{what} does not come:\n" + run.logs())
        time.sleep(0.05)


class Run:
    def __init__(self, folder, consumers):
        self.folder, self.started = folder, []
        write_keys(self.path("keys.csv"), consumers)

    def path(self, name):
        return os.path.join(self.folder, name)

    def configure(self, weight):
        with open(self.path("s.conf"), "w", encoding="utf-8") as f:
            f.write(CONFIG.format(weight=weight, keys=self.path("keys.csv")))

    def start(self, program, *options):
        log = open(self.path(os.path.basename(program) + ".log"), "w", encoding="utf-8")
        env = {**os.environ, "RUNTIME_DIRECTORY": self.folder}
        self.started.append(subprocess.Popen([os.path.join(report.BUILD, program), "--socket", self.path("d.sock"), *options],
            stdout=log, stderr=log, env=env))

    def ctl(self, *argv):
        return subprocess.run([os.path.join(report.BUILD, "control/sluicectl"), *argv, "--socket", self.path("d.sock"),
            "--control-socket", self.path("c.sock")], capture_output=True, text=True, check=False)

    def log(self):
        with open(self.path("sluice-control.log"), encoding="utf-8") as f:
            return f.read()

    def logs(self):
        return "".join(open(self.path(name), encoding="utf-8").read() for name in sorted(os.listdir(self.folder))
            if name.endswith(".log"))

    def runs(self, generation):
        return f"generation {generation} runs on" in self.log()

    def apply(self, generation):
        """@return seconds of the whole, of the take-over, and KiB that were sent"""
        self.configure(generation)
        begin = time.monotonic()
        done = self.ctl("apply", self.path("s.conf"))
        whole = time.monotonic() - begin
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        times = {}
        for line in self.log().splitlines():
            for what in ("is sent", "runs on"):
                if f"generation {generation} {what}" in line:
                    times[what] = line
        return whole, seconds(times["runs on"]) - seconds(times["is sent"]), sent(times["is sent"])

    def change(self, number):
        """@return seconds of each of CHANGES"""
        took = {}
        for name, argv in CHANGES.items():
            begin = time.monotonic()
            done = self.ctl(*(word.format(n=number) for word in argv))
            took[name] = time.monotonic() - begin
            if done.returncode:
                raise RuntimeError(done.stdout + done.stderr)
        return took

    def stop(self):
        for process in reversed(self.started):
            process.terminate()
            process.wait()


def seconds(line):
    hours, minutes, rest = re.search(r"T?(\d\d):(\d\d):(\d\d\.\d+)", line).groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def sent(line):
    """@return KiB"""
    return int(re.search(r" (\d+) bytes", line).group(1)) / 1024


def measure(consumers, applies):
    """@return KiB of the first generation, a list of what apply() returns, and one of what change() does"""
    with tempfile.TemporaryDirectory(prefix="sluice-apply-") as folder:
        run = Run(folder, consumers)
        try:
            run.configure(1)
            run.start("dataplane/sluice-dataplane", "--no-huge", "--file-prefix", os.path.basename(folder))
            wait_for(lambda: os.path.exists(run.path("d.sock")), "the dataplane", run)
            run.start("control/sluice-control", "--config", run.path("s.conf"), "--control-socket", run.path("c.sock"),
                "--log-level", "info")
            wait_for(lambda: run.runs(1), "the first generation", run)
            first = next(line for line in run.log().splitlines() if "generation 1 is sent" in line)
            return (sent(first), [run.apply(generation) for generation in range(2, applies + 2)],
                [run.change(number) for number in range(10, applies + 10)])
        finally:
            run.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--consumers", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--applies", type=int, default=5, metavar="N")
    parser.add_argument("--quick", action="store_true", help="1,000 consumers, one apply")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.quick:
        args.consumers, args.applies = 1000, 1
    first, applies, changes = measure(args.consumers, args.applies)
    case = f"{args.consumers} consumers"
    rows = [report.row("apply", case, "whole", "s", round(statistics.median(a[0] for a in applies), 3)),
        report.row("apply", case, "take_over", "ms", round(1000 * statistics.median(a[1] for a in applies), 3),
            at_most=TAKE_OVER_MS_MOST),
        report.row("apply", case, "sent", "KiB", round(max(a[2] for a in applies), 1), at_most=SENT_KIB_MOST),
        report.row("apply", case, "first", "KiB", round(first, 1))]
    rows += [report.row("apply", case, name, "ms", round(1000 * statistics.median(c[name] for c in changes), 1)) for name in CHANGES]
    print(json.dumps(rows, indent=1) if args.json else report.table(rows))
    return 0


if __name__ == "__main__":
    report.run(main, "apply", (RuntimeError,))
