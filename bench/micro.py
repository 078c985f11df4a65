#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench micro`: micro.py [--against=REV] [--rounds=N] and micro's own options.

With --against the revision is built in a worktree of its own, both programs run in turn, so that the
machine's mood hits both, and the ratio of the medians is printed for each stage that both have: below 1
the working tree is the faster one.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import report

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
HERE_PROGRAM = os.path.join(os.environ.get("SLUICE_BUILD", os.path.join(ROOT, "build")), "bench", "micro")


def run(*argv, **options):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def build(revision, directory):
    """@return the revision's micro"""
    tree, out = os.path.join(directory, "tree"), os.path.join(directory, "build")
    print(f"building micro of {revision}", file=sys.stderr)
    run("git", "-C", ROOT, "-c", "safe.directory=*", "worktree", "add", "--detach", tree, revision)
    run("meson", "setup", out, tree, stderr=subprocess.DEVNULL)
    run("ninja", "-C", out, "bench/micro")
    return os.path.join(out, "bench", "micro")


def measure(program, options):
    """@return cycles by stage"""
    rows = json.loads(run(program, "--json", *options))
    return {r["case"]: r["value"] for r in rows if r["metric"] == "cycles"}


def compare(before, rounds, options):
    runs = {before: [], HERE_PROGRAM: []}
    for turn in range(rounds):
        for program, results in runs.items():
            print(f"round {turn + 1} of {rounds}: {program}", file=sys.stderr)
            results.append(measure(program, options))
    medians = [{case: statistics.median(r[case] for r in results) for case in results[0]}
        for results in runs.values()]
    return [(case, medians[0][case], value) for case, value in medians[1].items()
        if medians[0].get(case)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--against", metavar="REV")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args, options = parser.parse_known_args()
    if not args.against:
        return subprocess.call([HERE_PROGRAM, *options, *(["--json"] if args.json else [])])
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as directory:
        try:
            rows = compare(build(args.against, directory), args.rounds, options)
        finally:
            subprocess.call(["git", "-C", ROOT, "-c", "safe.directory=*", "worktree", "remove",
                "--force", os.path.join(directory, "tree")])
    if args.json:
        print(json.dumps([{"bench": "micro-against", "case": case, "metric": "ratio", "unit": "",
            "value": round(now / before, 4), "target": None} for case, before, now in rows], indent=1))
        return 0
    print(f"{'cycles':36} {args.against[:12]:>12} {'working tree':>12} {'ratio':>7}")
    for case, before, now in rows:
        print(f"{case:36} {before:12.1f} {now:12.1f} {now / before:7.2f}")
    return 0


if __name__ == "__main__":
    report.run(main, "micro")
