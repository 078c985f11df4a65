#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of benches: targets are met or missed, a case that cannot be measured leaves the others alone and shows in the
exit status. Programs that print rows stand for l7. TAP."""
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest.mock

sys.path.insert(0, os.path.join(sys.argv[1], "bench"))
import misses  # noqa: E402
import report  # noqa: E402
import turns  # noqa: E402

CALLGRIND = """events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw
fl=(1) a.c
totals: 1000 300 200 5 6 7 1 2 3
"""


def program(folder, name, rows, status):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\ncat <<'END'\n{json.dumps(rows)}\nEND\nexit {status}\n")
    os.chmod(path, 0o755)
    return path


def cycles(case, value):
    return report.row("l7", case, "cycles", "", value)


def compare():
    """Two programs in turns; one case of them cannot be measured."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        rows = [cycles("plain", 2000), cycles("keys-1M", 1000)]
        before = program(folder, "before", rows, 0)
        rows = [report.unmeasured("l7", "plain", "cycles", "", "each turn was interrupted"), cycles("keys-1M", 900)]
        return turns.compare("l7", before, program(folder, "now", rows, report.UNMEASURED), 2, [])


def disturbed():
    """Two rounds each; a neighbour slowed one of the first program. @return {metric: value} of the ratios"""
    rounds = iter([1000, 800, 800, 2500])
    with contextlib.redirect_stderr(io.StringIO()), unittest.mock.patch.object(turns, "measure",
        lambda program, options: ({"plain": next(rounds)}, {})):
        rows = turns.compare("l7", "before", "now", 2, [])
    return {r["metric"]: r["value"] for r in rows if r["unit"] == ""}


def main():
    rows = compare()
    ratio = {r["case"]: r for r in rows if r["metric"] == "ratio"}
    events = misses.parse(CALLGRIND)
    results = {
        "a target at most is met by less": report.row("b", "c", "m", "", 1, at_most=2)["met"] is True,
        "a target at most is missed by more": report.row("b", "c", "m", "", 3, at_most=2)["met"] is False,
        "a target at least is missed by less": report.row("b", "c", "m", "", 1, at_least=2)["met"] is False,
        "a row without a target says nothing of it": "met" not in report.row("b", "c", "m", "", 1),
        "the ratio is that of the medians": ratio["keys-1M"]["value"] == 0.9,
        "a neighbour's round counts for the median, not for the fastest": disturbed() == {"ratio": 0.4571, "fastest": 0.8},
        "a case that was not measured has its reason": ratio["plain"]["value"] is None and
            ratio["plain"]["why"] == "not measurable: each turn was interrupted",
        "the exit status tells of it": report.status(rows) == report.UNMEASURED,
        "a failure is another status": report.status([{"why": "failed: x"}, {"why": "not measurable: y"}]) == report.FAILED,
        "the table shows the reason": "not measurable: each turn was interrupted" in report.table(rows),
        "misses are of fetches, reads and writes": sum(events[e] for e in misses.METRICS["l1_misses"]) == 18,
    }
    for name, good in results.items():
        print(f"{'ok' if good else 'not ok'} - {name}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
