#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an apply costs that changes one endpoint, beside many consumers: time, and bytes handed over.

    bench/apply.py [--build DIR] [--consumers N] [--applies N]

Both processes of a build run without packets (DPDK's net_null, no huge pages). Printed for each apply: the whole of
`sluicectl apply`, which is mostly the reading of the file; from the parts that were sent to the answer of the dataplane,
all of whose workers run the generation then; and what was sent. The log's times are the control's own.
"""
import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

CONFIG = """version = 1;
dataplane: {{ workers = 1; connections = 1000;
  ports = ( {{ name = "p"; device = "net_null0"; addresses = [ "10.0.0.1/24" ]; }} ); }};
listeners = ( {{ name = "web"; port = "p"; bind = "10.0.0.1:80"; }} );
backends = ( {{ name = "b"; endpoints = ( {{ address = "10.0.0.2:80"; weight = {weight}; }} ); }} );
credentials = ( {{ name = "key"; in = "header"; header = "X-API-Key"; pattern = "^ak_[a-z0-9]{{16}}$"; }} );
apis = ( {{ name = "a"; auth = [ "key" ]; routes = ( {{ path = "/*"; backend = "b"; }} ); }} );
plans = ( {{ name = "p"; apis = [ "a" ]; limits = ( {{ rate = "100/s"; }} ); }} );
key_files = [ "{keys}" ];
"""


def write_keys(path, count):
    with open(path, "w", encoding="ascii") as f:
        for i in range(count):
            f.write(f"consumer-{i},p,k,{hashlib.sha256(str(i).encode()).hexdigest()}\n")


def wait_for(ready, what, run, seconds=300):
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end or any(process.poll() is not None for process in run.started):
            sys.exit(f"{what} does not come:\n" + run.logs())
        time.sleep(0.05)


class Run:
    def __init__(self, build, folder, consumers):
        self.build, self.folder, self.started = build, folder, []
        write_keys(self.path("keys.csv"), consumers)

    def path(self, name):
        return os.path.join(self.folder, name)

    def configure(self, weight):
        with open(self.path("s.conf"), "w", encoding="utf-8") as f:
            f.write(CONFIG.format(weight=weight, keys=self.path("keys.csv")))

    def start(self, program, *options):
        log = open(self.path(os.path.basename(program) + ".log"), "w", encoding="utf-8")
        env = {**os.environ, "RUNTIME_DIRECTORY": self.folder}
        self.started.append(subprocess.Popen([os.path.join(self.build, program), "--socket", self.path("d.sock"), *options],
            stdout=log, stderr=log, env=env))

    def ctl(self, *argv):
        return subprocess.run([os.path.join(self.build, "control/sluicectl"), *argv, "--socket", self.path("d.sock"),
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
        """@return seconds of the whole, of the take-over, and what was sent"""
        self.configure(generation)
        begin = time.monotonic()
        done = self.ctl("apply", self.path("s.conf"))
        whole = time.monotonic() - begin
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        times = {}
        for line in self.log().splitlines():
            for what in ("is sent", "runs on"):
                if f"generation {generation} {what}" in line:
                    times[what] = line
        return whole, seconds(times["runs on"]) - seconds(times["is sent"]), sent(times["is sent"])

    def stop(self):
        for process in reversed(self.started):
            process.terminate()
            process.wait()


def seconds(line):
    hours, minutes, rest = re.search(r"T?(\d\d):(\d\d):(\d\d\.\d+)", line).groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def sent(line):
    return line.split("is sent", 1)[1].lstrip(": ").strip() or "one segment with all"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--consumers", type=int, default=1_000_000)
    parser.add_argument("--applies", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-apply-") as folder:
        run = Run(os.path.abspath(options.build), folder, options.consumers)
        try:
            run.configure(1)
            run.start("dataplane/sluice-dataplane", "--no-huge", "--file-prefix", os.path.basename(folder))
            wait_for(lambda: os.path.exists(run.path("d.sock")), "the dataplane", run)
            run.start("control/sluice-control", "--config", run.path("s.conf"), "--control-socket", run.path("c.sock"),
                "--log-level", "info")
            wait_for(lambda: run.runs(1), "the first generation", run)
            first = next(line for line in run.log().splitlines() if "generation 1 is sent" in line)
            print(f"the first generation; {sent(first)}", flush=True)
            for generation in range(2, options.applies + 2):
                whole, take_over, what = run.apply(generation)
                print(f"apply {whole:.2f} s, of it {take_over:.3f} s from the sending to the answer; {what}", flush=True)
        finally:
            run.stop()


if __name__ == "__main__":
    main()
