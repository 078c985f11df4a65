#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bench program of this tree and of a revision in turns, for l7.py and micro.py.

`--against=REV [--rounds=N]`: the revision is built in a worktree of its own, both programs run alternately, so that
what else the machine does hits both, and for each case that both have the medians and their ratio are printed: below
1 this tree is the faster one; and the ratio of the fastest rounds, which a neighbour that comes and goes disturbs
less. Which of the two begins changes each round. Without --against the program itself runs.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

import report
import revision


def measure(program, options):
    """@return ({case: cycles}, the reasons of cases without)"""
    done = subprocess.run([program, "--json", *options], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, report.FAILED, report.UNMEASURED) or not done.stdout:
        raise RuntimeError(f"{program} ended with status {done.returncode}")
    rows = json.loads(done.stdout)
    return {r["case"]: r["value"] for r in rows if r["metric"] == "cycles" and r["value"] is not None}, \
        {r["case"]: r["why"] for r in rows if "why" in r}


def take_turns(before, here, rounds, options):
    """@return {program: [{case: cycles}]}, {case: why it has no value}"""
    runs, missing = {before: [], here: []}, {}
    for turn in range(rounds):
        for program in (before, here) if turn % 2 == 0 else (here, before):
            print(f"round {turn + 1} of {rounds}: {'this tree' if program == here else 'the revision'}", file=sys.stderr)
            cycles, why = measure(program, options)
            runs[program].append(cycles)
            missing |= why
    return runs, missing


def compare(name, before, here, rounds, options):
    """@return rows: medians of both and their ratio, by case"""
    runs, missing = take_turns(before, here, rounds, options)
    rows = []
    for case in report.ordered(c for results in runs.values() for r in results for c in r):
        values = [[r[case] for r in runs[p] if case in r] for p in (before, here)]
        if not all(values):
            missing.setdefault(case, "only one of the two programs has it")
            continue
        was, now = map(statistics.median, values)
        rows += [report.row(f"{name}-against", case, "before", "cycles", round(was, 1)),
            report.row(f"{name}-against", case, "now", "cycles", round(now, 1)),
            report.row(f"{name}-against", case, "ratio", "", round(now / was, 4)),
            report.row(f"{name}-against", case, "fastest", "", round(min(values[1]) / min(values[0]), 4))]
    measured = {r["case"] for r in rows}
    return rows + [report.unmeasured(f"{name}-against", case, "ratio", "", why)
        for case, why in missing.items() if case not in measured]


def main(name):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0], add_help=False, allow_abbrev=False)
    parser.add_argument("--against", metavar="REV")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args, options = parser.parse_known_args()
    here = os.path.join(revision.BUILD, "bench", name)
    if not args.against:
        return subprocess.call([here, *options, *(["--json"] if args.json else [])])
    with revision.built(args.against, f"bench/{name}") as before:
        rows = compare(name, before, here, args.rounds, options)
    print(json.dumps(rows, indent=1) if args.json else report.table(rows))
    return report.status(rows)


def run(name):
    report.run(lambda: main(name), name, (RuntimeError,))
