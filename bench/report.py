#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench --report`: report.py [--quick] [--from=FILE] [--only NAME…]. Runs the benches and writes what
they measured into docs/benchmarks.md, between its two marks, and one plot beside it; what others measured stays there.
--from takes the rows of an earlier run (`./dev bench --json`) instead. The text around the marks is written by people."""
import argparse
import datetime
import json
import os
import re
import signal
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(ROOT, "build"))
PAGE = os.path.join(ROOT, "docs", "benchmarks.md")
PLOT = os.path.join(ROOT, "docs", "benchmarks-cycles.svg")
BEGIN, END = "<!-- measured: written by ./dev bench --report -->", "<!-- measured: end -->"
BENCHES = ("l7", "misses", "release", "micro", "gen", "l4", "memory", "starvation", "goodput", "apply",
    "peers")
# Exit statuses, as in bench/common/report.h: something was wrong; a row could not be measured, the others could.
FAILED, UNMEASURED = 1, 3
NOT_MEASURABLE = "not measurable: "
STAGES = {"rx": "#7f7f7f", "net": "#4c72b0", "tcp_in": "#55a868", "proxy": "#c44e52", "tcp_out": "#8172b2",
    "tx": "#937860", "timers": "#da8bc3"}


def command(name):
    script = os.path.join(ROOT, "bench", f"{name}.py")
    return [sys.executable, script] if os.path.exists(script) else [os.path.join(BUILD, "bench", name)]


def measure(names, quick):
    rows = []
    for name in names:
        print(f"==> {name}", file=sys.stderr)
        done = subprocess.run([*command(name), "--json", *(["--quick"] if quick else [])],
            stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode and done.returncode != UNMEASURED:
            print(f"{name} failed and is left out", file=sys.stderr)
            continue
        rows += json.loads(done.stdout)
    return rows


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"


def ordered(items):
    return list(dict.fromkeys(items))


def table(rows):
    """A line a case, a column a metric; a target stands behind its value."""
    metrics = ordered((r["metric"], r["unit"]) for r in rows)
    cell = {(r["case"], r["metric"]): r for r in rows}
    lines = ["| case | " + " | ".join(f"{m} {u}".strip() for m, u in metrics) + " |",
        "| --- |" + " ---: |" * len(metrics)]
    for case in ordered(r["case"] for r in rows):
        values = []
        for metric, _unit in metrics:
            row = cell.get((case, metric))
            values.append("" if not row else "–" if row["value"] is None else number(row["value"]) +
                (f" (target {number(row['target'])})" if row["target"] else ""))
        lines.append(f"| {case} | " + " | ".join(values) + " |")
    reasons = [f"- {r['case']}, {r['metric']}: {r['why']}" for r in rows if "why" in r]
    return "\n".join(lines + ([""] + reasons if reasons else []))


def plot(rows):
    """Cycles a request by stage, a bar a case; cases with large bodies or handshakes would hide the others."""
    rows = [r for r in rows if r["value"] is not None]
    cases = [c for c in ordered(r["case"] for r in rows if r["metric"] == "proxy") if not c.startswith(("body-", "tls-"))]
    value = {(r["case"], r["metric"]): r["value"] for r in rows}
    most = max(sum(value.get((c, s), 0) for s in STAGES) for c in cases)
    scale, height = 545 / most, 24 * len(cases) + 60
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height}" font-family="sans-serif" '
        f'font-size="12"><rect width="760" height="{height}" fill="white"/>']
    for i, case in enumerate(cases):
        x, y = 150.0, 24 * i + 10
        out.append(f'<text x="144" y="{y + 13}" text-anchor="end">{case}</text>')
        for stage, colour in STAGES.items():
            width = value.get((case, stage), 0) * scale
            out.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="18" fill="{colour}"/>')
            x += width
        out.append(f'<text x="{x + 4:.1f}" y="{y + 13}">{number(value[case, "cycles"])}</text>')
    for i, (stage, colour) in enumerate(STAGES.items()):
        x, y = 150 + 80 * i, height - 30
        out.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>'
            f'<text x="{x + 16}" y="{y + 11}">{stage}</text>')
    return "\n".join(out) + "\n</svg>\n"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "unknown")
    revision = subprocess.run(["git", "-C", ROOT, "-c", "safe.directory=*", "rev-parse", "--short", "HEAD"],
        stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    return (f"{model}, {os.cpu_count()} CPUs, Linux {os.uname().release}, load "
        f"{os.getloadavg()[0]:.1f} when it ended; revision {revision}, {datetime.date.today()}.")


def row(bench, case, metric, unit, value, at_most=None, at_least=None):
    """A measured row. @param at_most, at_least  its target, one of them or none"""
    measured = {"bench": bench, "case": case, "metric": metric, "unit": unit, "value": value,
        "target": at_least if at_most is None else at_most}
    if at_most is not None:
        measured["met"] = value <= at_most
    elif at_least is not None:
        measured["met"] = value >= at_least
    return measured


def unmeasured(bench, case, metric, unit, why):
    """A row without a value, as this machine did not let it be measured now."""
    return {"bench": bench, "case": case, "metric": metric, "unit": unit, "value": None, "target": None,
        "why": why if why.startswith((NOT_MEASURABLE, "failed: ")) else NOT_MEASURABLE + why}


def status(rows):
    """The exit status of a bench with these rows, as bench/common/report.h has it."""
    reasons = [r["why"] for r in rows if "why" in r]
    if any(not why.startswith(NOT_MEASURABLE) for why in reasons):
        return FAILED
    return UNMEASURED if reasons else 0


def section(bench, rows):
    plotted = "![cycles a request by stage](benchmarks-cycles.svg)\n\n" if bench == "l7" else ""
    return f"### {bench}\n\n{machine()}\n\n{table(rows)}\n\n{plotted}"


def run(main, name, errors=()):
    """Run a benchmark's main() and exit with its status. Ctrl-C and SIGTERM end it as quietly as these errors, which
    users can do something about."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except errors as error:
        print(f"bench {name}: {error}", file=sys.stderr)
        sys.exit(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true", help="print the rows as well")
    parser.add_argument("--from", dest="rows", metavar="FILE")
    parser.add_argument("--only", nargs="+", choices=BENCHES, default=BENCHES)
    args = parser.parse_args()
    if args.rows:
        with open(args.rows, encoding="utf-8") as f:
            rows = json.load(f)
    else:
        rows = measure(args.only, args.quick)
    with open(PAGE, encoding="utf-8") as f:
        before, rest = f.read().split(BEGIN, 1)
    measured, after = rest.split(END, 1)
    sections = {text.split(None, 2)[1]: text for text in re.split("^(?=### )", measured, flags=re.MULTILINE)[1:]}
    for bench in ordered(r["bench"] for r in rows):
        mine = [r for r in rows if r["bench"] == bench]
        sections[bench] = section(bench, mine)
        if bench == "l7":
            with open(PLOT, "w", encoding="utf-8") as f:
                f.write(plot(mine))
    with open(PAGE, "w", encoding="utf-8") as f:
        # gen's rows are of gen-ring and gen-memif.
        names = sorted(sections, key=lambda bench: BENCHES.index(bench.split("-", maxsplit=1)[0]))
        f.write(f"{before}{BEGIN}\n\n" + "".join(sections[name] for name in names) + END + after)
    if args.json:
        print(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    run(main, "report")
