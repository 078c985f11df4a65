#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goodput over paths with losses: goodput.py [--quick] [--json] [--only veth sim]

veth: one body between Linux's kernel and a gateway, over veths in which nftables loses frames both ways.
      The gateway is Sluice, and in its place nginx, whose TCP is Linux's with the same CUBIC. Systems take
      turns, round by round; goodput_ratio is the median of the rounds' Sluice ÷ Linux. Where the case names a
      round trip, path.c adds it and loses the frames, and both systems go through it.
      Without a loss the case measures CPU time: client, backend and path share a core. All of it runs at a
      high priority, because a polling worker that waits for its core makes the round trip longer, and a kernel
      that answers in an interrupt does not. Above a few percent `waited` says that the machine was not
      quiet: cases without an added round trip then show its scheduler.
sim:  two of our stacks over a simulated path, beside what CUBIC is expected to reach there; the head of
      tests/sim/goodput.c has the formula.
"""
import argparse
import json
import os
import statistics
import string
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "bed"), os.path.join(ROOT, "tests", "interop")]

import peer  # noqa: E402
import report  # noqa: E402
from bed import (BACKENDS, CLIENT_IP, GATEWAY_CPU, INSIDE_IP, OTHER_CPU, OUTSIDE_IP, PATHS,  # noqa: E402
    Bed, BedError, ProcessDied, exit_on_signals)
from peers import waited_seconds  # noqa: E402
from sluice import Sluice  # noqa: E402

SIM = "tests/sim/goodput"
TARGET = 0.9
BULK_PORT = 8091
BACKEND = f"{BACKENDS['be1']}:{BULK_PORT}"
MIB = 1 << 20
SEED = 9438
# percent lost, round trip that is added in ms: MiB to move
CASES = {
    (0, 0): 192, (0.1, 0): 96, (1, 0): 32, (5, 0): 2,
    (0, 10): 64, (0.1, 10): 16, (1, 10): 4,
}
DIRECTIONS = ("download", "upload")


def sluice_config():
    return f"""
version = 1;
dataplane: {{
  lcores = [ {GATEWAY_CPU} ];
  ports = (
    {{ name = "outside"; device = "auto:sl-out"; addresses = [ "10.71.0.1/24" ]; }},
    {{ name = "inside"; device = "auto:sl-in"; addresses = [ "10.72.0.1/24" ]; }} );
  buffers: {{ receive = "4MiB"; send = "4MiB"; }}; # as much as Linux's own limits
}};
timeouts: {{ body = "120s"; send = "120s"; }};
limits: {{ body = "2GiB"; }};
listeners = ( {{ name = "web"; port = "outside"; bind = "{OUTSIDE_IP}:80"; }} );
backends = ( {{ name = "bulk"; endpoints = ( {{ address = "{BACKEND}"; }} ); }} );
apis = ( {{ name = "bulk"; hosts = [ "bulk.example" ];
  routes = ( {{ path = "/*"; backend = "bulk"; timeout = "120s"; }} ); }} );
"""


def use_cubic(bed, role, interface, address):
    """By the route: a namespace may not choose it where the machine's own choice is another."""
    bed.run(role, "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1")
    bed.ip(role, "route", "replace", address.rpartition(".")[0] + ".0/24", "dev", interface, "scope", "link",
        "src", address, "congctl", "cubic")


def steer(bed):
    """What a wire's far end does with a packet happens on the sender's core, where a polling worker leaves it no
    time. Here it goes to the core of client and backends, for both systems."""
    for role, interface in [(p, i) for p in PATHS for i in ("gw", "far")] + [("client", "eth0"), ("sw", "gw"), ("be1", "eth0")]:
        bed.run(role, "sh", "-c", f"echo {1 << OTHER_CPU:x} > /sys/class/net/{interface}/queues/rx-0/rps_cpus")


class SluiceSystem:
    name = "sluice"

    def __init__(self, bed):
        self.gateway = Sluice(bed, access_log=False)
        self.gateway.write_config(sluice_config())

    def start(self):
        self.gateway.start()

    def stop(self):
        self.gateway.stop()


class LinuxSystem:
    name = "linux"

    def __init__(self, bed):
        self.bed, self.prefix = bed, bed.path("goodput-nginx")
        os.mkdir(self.prefix)
        with open(os.path.join(HERE, "goodput", "nginx.conf.in"), encoding="utf-8") as f:
            text = string.Template(f.read()).substitute(PREFIX=self.prefix, LISTEN=f"{OUTSIDE_IP}:80", BACKEND=BACKEND)
        self.conf = os.path.join(self.prefix, "nginx.conf")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text)

    def start(self):
        self.bed.set_kernel_gateway(True)
        use_cubic(self.bed, "gw", "sl-out", OUTSIDE_IP)
        use_cubic(self.bed, "gw", "sl-in", INSIDE_IP)
        self.bed.spawn("linux", "gw", "nginx", "-p", self.prefix, "-c", self.conf, "-e", "stderr", cpu=GATEWAY_CPU)
        self.bed.wait_port("client", OUTSIDE_IP, 80, "linux", seconds=30)

    def stop(self):
        self.bed.stop("linux")
        self.bed.set_kernel_gateway(False)


def move(bed, direction, size):
    """@return Mbit/s, from the request until the last byte or the backend's word that it has all"""
    with bed.connect("client", OUTSIDE_IP, 80, timeout=60) as sock:
        begin = time.monotonic()
        if direction == "upload":
            peer.upload(sock, size, SEED)
        else:
            sock.sendall(f"GET /bulk/?size={size}&seed={SEED} HTTP/1.1\r\nHost: bulk.example\r\n\r\n".encode())
            stream, room = peer.Stream(sock), bytearray(MIB)
            fields = stream.head()[1]
            got = len(stream.rest)
            if fields.get("content-length") != str(size):
                raise BedError(f"not what was asked for: {fields}")
            while got < size:
                n = sock.recv_into(room)
                if not n:
                    raise BedError(f"closed after {got} of {size} bytes")
                got += n
        return size * 8 / 1e6 / (time.monotonic() - begin)


def set_faults(bed, build, percent, rtt_ms):
    bed.stop_path("out")
    bed.lose("out", 0)
    if rtt_ms:
        bed.start_path("out", build, seed=SEED, delay_us=rtt_ms * 500, lose=int(percent * 1000))
    else:
        bed.lose("out", percent)


def measure(bed, system, cases, share):
    """@return {(case, direction): Mbit/s}, and under None the percent of the time that the gateway waited for
    its core"""
    found = {}
    system.start()
    pid = bed.processes["linux" if system.name == "linux" else "dataplane"].pid
    begin, waited = time.monotonic(), waited_seconds(pid)
    try:
        for (percent, rtt_ms), mib in cases.items():
            set_faults(bed, os.path.join(ROOT, "build"), percent, rtt_ms)
            for direction in DIRECTIONS:
                found[percent, rtt_ms, direction] = move(bed, direction, max(MIB // 2, int(mib * share * MIB)))
        found[None] = (waited_seconds(pid) - waited) * 100 / (time.monotonic() - begin)
    finally:
        bed.stop_path("out")
        bed.lose("out", 0)
        system.stop()
    return found


def veth(rounds, share):
    exit_on_signals()
    os.nice(-10)
    results = {"sluice": [], "linux": []}
    with Bed() as bed:
        try:
            bed.up(paths=True)
            steer(bed)
            use_cubic(bed, "client", "eth0", CLIENT_IP)
            for role, address in BACKENDS.items():
                use_cubic(bed, role, "eth0", address)
            bed.spawn("bulk", "be1", sys.executable, os.path.join(ROOT, "tests", "interop", "peer.py"),
                BACKENDS["be1"], str(BULK_PORT), cpu=OTHER_CPU)
            bed.wait_port("be1", BACKENDS["be1"], BULK_PORT, "bulk")
            systems = [SluiceSystem(bed), LinuxSystem(bed)]
            for turn in range(rounds):
                print(f"round {turn + 1} of {rounds}", file=sys.stderr)
                for system in systems if turn % 2 == 0 else systems[::-1]:
                    results[system.name].append(measure(bed, system, CASES, share))
        except BaseException as e:
            if not isinstance(e, KeyboardInterrupt):
                bed.print_logs()
            raise
    rows = [(name, "waited", "%", statistics.median(r[None] for r in found), None)
        for name, found in results.items()]
    for key in filter(None, results["sluice"][0]):
        percent, rtt_ms, direction = key
        case = f"{direction} {percent} %" + (f" {rtt_ms} ms" if rtt_ms else "")
        for name, found in results.items():
            rows.append((case, name, "Mbit/s", statistics.median(r[key] for r in found), None))
        ratio = statistics.median(s[key] / x[key] for s, x in zip(results["sluice"], results["linux"]))
        rows.append((case, "goodput_ratio", "", ratio, TARGET))
    return [report.row("goodput", c, m, u, round(v, 3), at_least=t) for c, m, u, v, t in rows]


def sim(quick):
    subprocess.run(["ninja", "-C", os.path.join(ROOT, "build"), SIM], stdout=sys.stderr, check=True)
    done = subprocess.run([os.path.join(ROOT, "build", SIM), "--json", *(["--quick"] if quick else [])], stdout=subprocess.PIPE, text=True,
        check=False)
    if done.returncode:
        raise BedError(f"the simulation ended with {done.returncode}: {done.stdout}")
    return json.loads(done.stdout)


def print_table(rows):
    measured = [r for r in rows if r["value"] is not None]
    cases, metrics = (report.ordered(r[key] for r in measured) for key in ("case", "metric"))
    cell = {(r["case"], r["metric"]): r["value"] for r in measured}
    print(f"{'':28}" + "".join(f"{m:>16}" for m in metrics))
    for case in cases:
        print(f"{case:28}" + "".join(f"{cell[case, m]:16.2f}" if (case, m) in cell else f"{'':16}" for m in metrics))
    for row in rows:
        if "why" in row:
            print(f"{row['case']}: {row['why']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="one round of small bodies: does it run?")
    parser.add_argument("--json", action="store_true", help="one list of flat rows")
    parser.add_argument("--only", nargs="+", choices=("veth", "sim"), default=("veth", "sim"))
    parser.add_argument("--rounds", type=int)
    args = parser.parse_args()
    parts = {"veth": lambda: veth(args.rounds or (1 if args.quick else 5), 1 / 16 if args.quick else 1),
        "sim": lambda: sim(args.quick)}
    tables = []
    for name in args.only:
        try:
            tables.append(parts[name]())
        except BedError as error:
            tables.append([report.unmeasured("goodput", name, "goodput", "Mbit/s", str(error))])
        except ProcessDied as error:
            tables.append([report.unmeasured("goodput", name, "goodput", "Mbit/s", f"failed: {error}")])
    if args.json:
        print(json.dumps(sum(tables, []), indent=1))
    else:
        for rows in tables:
            print_table(rows)
            print()
    return report.status(sum(tables, []))


if __name__ == "__main__":
    report.run(main, "goodput", (BedError, ProcessDied, OSError))
