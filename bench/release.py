#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench release`: release.py [--rounds=N] [--quick] [--json]. What the profile of `./dev release` brings: l7 of
build-release and of build in turns, so that the machine's mood hits both. Cycles are medians of the rounds; ratio is
the median of the rounds' release ÷ build."""
import argparse
import json
import os
import statistics
import subprocess
import sys

import report

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
BUILDS = {"build": os.environ.get("SLUICE_BUILD", os.path.join(ROOT, "build")), "release": os.path.join(ROOT, "build-release")}
CASES = {"plain": None, "keys-1k": None, "keys-1M": 2500, "routes-50k": None, "new-connection": None}


def measure(build, seconds):
    """@return cycles a request by case; those that could not be measured are not in it"""
    done = subprocess.run([os.path.join(BUILDS[build], "bench", "l7"), "--json", f"--only={','.join(CASES)}",
        f"--seconds={seconds}"], check=False, stdout=subprocess.PIPE, text=True)
    rows = json.loads(done.stdout) if done.stdout else []
    return {r["case"]: r["value"] for r in rows if r["metric"] == "cycles" and r["value"] is not None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of a second a case")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not os.path.exists(os.path.join(BUILDS["release"], "bench", "l7")):
        print("bench release: there is no build-release: ./dev release makes it", file=sys.stderr)
        return 1
    rounds = []
    for turn in range(1 if args.quick else args.rounds):
        print(f"round {turn + 1}", file=sys.stderr)
        rounds.append({build: measure(build, 1 if args.quick else 2) for build in BUILDS})
    rows = []
    for case, target in CASES.items():
        both = [r for r in rounds if all(case in r[build] for build in BUILDS)]
        if not both:
            rows.append(report.unmeasured("release", case, "ratio", "", "no round in which l7 measured it with both builds"))
            continue
        for build in BUILDS:
            rows.append(report.row("release", case, build, "cycles", statistics.median(r[build][case] for r in both),
                at_most=target))
        rows.append(report.row("release", case, "ratio", "",
            round(statistics.median(r["release"][case] / r["build"][case] for r in both), 3)))
    print(json.dumps(rows, indent=1) if args.json else report.table(rows))
    return report.status(rows)


if __name__ == "__main__":
    report.run(main, "release")
