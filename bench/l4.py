#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench l4`: l4.py [--quick] [--json]. 64-byte packets through testpmd and through our lowest layers.

The port is net_pcap with infinite_rx: it copies the packets of a file over and over into new mbufs and
frees what is sent, so that the cost of the port is the same for all and no second core is needed. Rates are
of CPU time, not of the clock on the wall: others on the machine do not count.
  io       testpmd hands packets through untouched
  macswap  testpmd touches each packet: the comparison
  sluice   receive, classify and check, look the flow up among 1,024, new headers and sums, send; before it, how
           fast the same program is when packets go back after fewer of these steps
"""
import argparse
import collections
import json
import os
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import report

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.environ.get("SLUICE_BUILD", os.path.join(HERE, "..", "build")), "bench", "l4")
FLOWS = 1024  # and the addresses: as in bench/l4/bench_l4.c
TARGET = 0.7


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(flow):
    """A frame of 60 bytes, which is 64 on a wire: an acknowledgement."""
    src, dst = struct.pack("!I", 0x0A000100 + flow), struct.pack("!I", 0x0A000001)
    tcp = struct.pack("!HHIIBBHHH", 40000, 80, 1000, 2000, 5 << 4, 0x10, 8192, 0, 0)
    pseudo = src + dst + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + src + dst
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return bytes.fromhex("02000000ee00" "020000000001" "0800") + ip + tcp + bytes(6)


def write_pcap(path):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for flow in range(FLOWS):
            data = packet(flow)
            f.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)


def thread_seconds(pid, name):
    """CPU time of the thread whose name begins so."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as f:
            text = f.read()
        if f"({name}" in text:
            words = text[text.rindex(")") + 2:].split()
            return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def testpmd(device, mode, seconds):
    process = subprocess.Popen(["dpdk-testpmd", "--lcores=0@0,1@1", "--no-huge", "-m", "256", "--no-pci",
        "--no-telemetry", "--log-level=error", "--file-prefix=sluice-testpmd", f"--vdev={device}", "--",
        f"--forward-mode={mode}", "--port-topology=loop", "--auto-start", "--total-num-mbufs=16384",
        "--mbcache=256", "--stats-period=3600", "--no-lsc-interrupt"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        time.sleep(1.5 + seconds)
        cpu = thread_seconds(process.pid, "rte-worker-1")
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    sent = re.findall(r"TX-packets:\s*(\d+)", output)
    if not sent or not cpu:
        print(output[-2000:], file=sys.stderr)
        raise RuntimeError("testpmd told no rate")
    return int(sent[-1]) / cpu


def sluice(device, seconds):
    done = subprocess.run([PROGRAM, device, str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise RuntimeError(f"build/bench/l4 ended with status {done.returncode}")
    return {name: float(rate) for rate, name in (line.split(" ", 1) for line in done.stdout.splitlines())}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--json", action="store_true", help="one list of flat rows")
    args = parser.parse_args()
    rounds, seconds = (1, 1) if args.quick else (3, 2)
    rates, missing = collections.defaultdict(list), {}
    with tempfile.TemporaryDirectory(prefix="sluice-l4-") as directory:
        write_pcap(f"{directory}/packets.pcap")
        device = f"net_pcap0,rx_pcap={directory}/packets.pcap,infinite_rx=1"
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
            for mode in ("io", "macswap"):
                try:
                    rates[mode].append(testpmd(device, mode, seconds))
                except RuntimeError as error:
                    missing[mode] = str(error)
            try:
                for name, rate in sluice(device, seconds).items():
                    rates[name].append(rate)
            except RuntimeError as error:
                missing["sluice"] = str(error)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    rows = [report.row("l4", name, "packets", "1/s", round(value)) for name, value in medians.items()]
    if medians.keys() >= {"sluice", "macswap"}:
        rows.append(report.row("l4", "sluice", "share_of_macswap", "", round(medians["sluice"] / medians["macswap"], 3),
            at_least=TARGET))
    rows += [report.unmeasured("l4", name, "packets", "1/s", why) for name, why in missing.items() if name not in medians]
    if not args.json:
        print("64-byte packets on net_pcap (infinite_rx), a second of one core's time\n")
    print(json.dumps(rows, indent=1) if args.json else report.table(rows))
    return report.status(rows)


if __name__ == "__main__":
    report.run(main, "l4")
