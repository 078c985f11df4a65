#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench misses`: misses.py [--against=REV] [--requests=N] [--quick] [--json]

Instructions and modelled cache misses of a request, which no neighbour on the machine can disturb: callgrind, with
cachegrind's model of the caches, counts the worker's part of `l7 --requests=N` and of `l7 --requests=2N`, and the
difference is divided by N. The first level is 32 KiB for instructions and 32 KiB for data; the last one, of 512 KiB,
stands for the second level of a processor. The model knows no prefetching: a line that the worker prefetches is a miss
all the same.

valgrind knows neither AVX-512 nor the SHA instructions: the worker takes its paths for AVX2, as on older processors.
With --against the same is counted for a revision, whose l7 is built in a worktree; ratios below 1 say that this tree
needs fewer.
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import subprocess
import sys
import tempfile

import report
import revision

L7 = os.path.join(revision.BUILD, "bench", "l7")
CASES = ("keys-1M", "connections-10k")
# What l7 --requests is made of: older revisions are built with this tree's.
L7_PARTS = ("bench/self", "bench/engine", "bench/common/report.c", "bench/common/report.h")
# Sums of callgrind's events: fetches, and misses of fetches, reads and writes.
METRICS = {"instructions": ("Ir",), "l1_misses": ("I1mr", "D1mr", "D1mw"), "l2_misses": ("ILmr", "DLmr", "DLmw")}
VALGRIND = ("valgrind", "--tool=callgrind", "--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=524288,8,64",
    "--instr-atstart=no", "--collect-atstart=no")


def parse(text):
    """@return {event: count} of a callgrind file"""
    lines = dict(line.split(": ", 1) for line in text.splitlines() if line.startswith(("events: ", "totals: ")))
    return dict(zip(lines["events"].split(), map(int, lines["totals"].split())))


def count(program, case, requests, running):
    """@return {metric: count} of so many requests"""
    with tempfile.TemporaryDirectory(prefix="sluice-misses-") as directory:
        out = os.path.join(directory, "out")
        with subprocess.Popen([*VALGRIND, f"--callgrind-out-file={out}", program, "--plain-pages", f"--only={case}",
                f"--requests={requests}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            running.append(process)
            text = process.communicate()[0]
        if process.returncode:
            raise RuntimeError(f"{case} with {requests} requests:\n{text[-3000:]}")
        with open(out, encoding="utf-8") as f:
            events = parse(f.read())
    return {metric: sum(events.get(e, 0) for e in names) for metric, names in METRICS.items()}


def measure(programs, requests):
    """@return {(program, case): {metric: count of a request}}. The runs are side by side: no clock is read."""
    running = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            runs = {(p, c, n): pool.submit(count, p, c, n, running)
                for p in programs for c in CASES for n in (requests, 2 * requests)}
            counted = {key: run.result() for key, run in runs.items()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.kill()
            raise
    return {(p, c): {m: (counted[p, c, 2 * requests][m] - counted[p, c, requests][m]) / requests for m in METRICS}
        for p in programs for c in CASES}


def rows_of(measured, before):
    rows = []
    for case in CASES:
        for metric in METRICS:
            now = measured[L7, case][metric]
            rows.append((case, metric, now))
            if before:
                was = measured[before, case][metric]
                rows += [(case, f"{metric}_before", was), (case, f"{metric}_ratio", now / was if was else 0)]
    return [report.row("misses", c, m, "", round(v, 4)) for c, m, v in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--against", metavar="REV")
    parser.add_argument("--requests", type=int, default=20000, metavar="N")
    parser.add_argument("--quick", action="store_true", help="2,000 requests")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        before = None
        if args.against:
            old = not revision.has(args.against, "bench/self/bench_l7.c", '"requests"')
            before = stack.enter_context(revision.built(args.against, "bench/l7", L7_PARTS if old else ()))
        measured = measure([p for p in (before, L7) if p], 2000 if args.quick else args.requests)
    rows = rows_of(measured, before)
    print(json.dumps(rows, indent=1) if args.json else report.table(rows))
    return 0


if __name__ == "__main__":
    report.run(main, "misses", (RuntimeError,))
