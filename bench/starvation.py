#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench starvation`: starvation.py [--manner=MANNER] and the program's own options. Runs build/bench/starvation
once for each manner in which memory can be held, or for one; a row's case is its manner and phase."""
import json
import os
import subprocess
import sys

import report

MANNERS = ("readers", "heads", "disorder", "refusals")


def measure(manner, options):
    """@return the program's exit status and its rows"""
    done = subprocess.run([os.path.join(report.BUILD, "bench", "starvation"), f"--manner={manner}", *options],
        stdout=subprocess.PIPE if "--json" in options else None, text=True, check=False)
    rows = json.loads(done.stdout) if done.stdout else []
    return done.returncode, [{**row, "case": f"{manner}, {row['case']}"} for row in rows]


def main():
    options = [word for word in sys.argv[1:] if not word.startswith("--manner=")]
    named = [word.partition("=")[2] for word in sys.argv[1:] if word.startswith("--manner=")]
    rows, status = [], 0
    for manner in named or MANNERS:
        code, measured = measure(manner, options)
        rows += measured
        status = status or code
    if "--json" in options:
        print(json.dumps(rows, indent=1))
    return status


if __name__ == "__main__":
    report.run(main, "starvation")
