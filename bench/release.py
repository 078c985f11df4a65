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
    """@return cycles a request by case"""
    done = subprocess.run([os.path.join(BUILDS[build], "bench", "l7"), "--json", f"--only={','.join(CASES)}",
        f"--seconds={seconds}"], check=True, stdout=subprocess.PIPE, text=True)
    return {r["case"]: r["value"] for r in json.loads(done.stdout) if r["metric"] == "cycles"}


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
        for build in BUILDS:
            rows.append((case, build, "cycles", statistics.median(r[build][case] for r in rounds), target))
        rows.append((case, "ratio", "", statistics.median(r["release"][case] / r["build"][case] for r in rounds), None))
    rows = [{"bench": "release", "case": c, "metric": m, "unit": u, "value": round(v, 3), "target": t}
        for c, m, u, v, t in rows]
    print(json.dumps(rows, indent=1) if args.json else report.table(rows))
    return 0


if __name__ == "__main__":
    report.run(main, "release")
