#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run the fuzzers of a build: run.py BUILD [TARGET] [SECONDS] [--keep]

New inputs go to BUILD/corpus/TARGET, so that the tree stays as it was; the seeds in
tests/fuzz/corpus/TARGET are read first. A finding stays in BUILD/findings and its path is printed: put
it into the seeds together with the fix. One line a target, `ok` or `not ok`, exit 1 after a finding.

The rate is of the clock and, in brackets, of the fuzzer's own CPU time, which a busy machine changes less. --keep adds
to the seeds those new inputs that reach what no seed reaches, at most SEEDS_MAX in a target.
"""
import glob
import os
import resource
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MAX_LEN = {"frame": 4096, "config": 8192}  # 64 steps; the largest example is half as long
SEEDS_MAX = 200
# Entropic schedules count how often each feature was seen: five sixths of an input's time where one reaches tens of
# thousands. Names of new functions are asked of another process.
FLAGS = ("-entropic=0", "-print_funcs=0", "-timeout=60", "-rss_limit_mb=2048")
# Freed memory is kept from use for a while; with the default of 256 MB it is always new to the kernel.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": ":".join(filter(None, ["quarantine_size_mb=16", os.environ.get("ASAN_OPTIONS")]))}


def seeds_of(target):
    return os.path.join(HERE, "corpus", target)


def stat_of(output, name):
    return next((line.rpartition(":")[2].strip() for line in output.splitlines() if line.startswith(f"stat::{name}")), "")


def call(build, target, *argv, seconds):
    return subprocess.run([os.path.join(build, "tests/fuzz", target + "_fuzz"), *FLAGS, f"-max_len={MAX_LEN.get(target, 70000)}",
        *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        timeout=seconds + 120, env=ENVIRONMENT)


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def frame_check(build, findings):
    """Is the world of `frame` as new after each seed? @return the output of a run that says no, or "" """
    done = subprocess.run([os.path.join(build, "tests/fuzz/frame_fuzz"), *FLAGS, "-runs=0", f"-artifact_prefix={findings}/",
        seeds_of("frame")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        timeout=600, env={**ENVIRONMENT, "FRAME_FUZZ_CHECK": "1"})
    return done.stdout if done.returncode else ""


def fuzz(build, target, seconds):
    """@return "" or where the finding is"""
    corpus, findings = (os.path.join(build, d, target) for d in ("corpus", "findings"))
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(findings, exist_ok=True)
    output = frame_check(build, findings) if target == "frame" else ""
    if not output:
        begin, cpu = time.monotonic(), cpu_seconds()
        done = call(build, target, corpus, *filter(os.path.isdir, [seeds_of(target)]), f"-max_total_time={seconds}",
            f"-artifact_prefix={findings}/", "-print_final_stats=1", seconds=seconds)
        begin, cpu = time.monotonic() - begin, cpu_seconds() - cpu
        if done.returncode == 0:
            inputs = int(stat_of(done.stdout, "number_of_executed_units") or 0)
            print(f"ok - {target}: {inputs} inputs, {inputs / begin:,.0f}/s ({inputs / cpu:,.0f} a second of CPU time)", flush=True)
            return ""
        output = done.stdout
    print(f"not ok - {target}: finding in {findings}")
    print("\n".join("    " + line for line in output.splitlines()[-40:]), flush=True)
    return findings


def keep(build, target):
    """Add the new inputs that reach more than the seeds do."""
    new, least = os.path.join(build, "corpus", target), os.path.join(build, "corpus", target + ".least")
    shutil.rmtree(least, ignore_errors=True)
    shutil.copytree(seeds_of(target), least)
    seeds = set(os.listdir(least))
    call(build, target, "-merge=1", least, new, seconds=3600)
    found = sorted(set(os.listdir(least)) - seeds, key=lambda name: os.path.getsize(os.path.join(least, name)))
    for name in found[:max(0, SEEDS_MAX - len(seeds))]:
        shutil.copy(os.path.join(least, name), seeds_of(target))
    shutil.rmtree(least)
    print(f"# {target}: {len(found)} new inputs reach what no seed reaches; {len(os.listdir(seeds_of(target)))} seeds are kept")


def main():
    build, *words = sys.argv[1:]
    known = sorted(os.path.basename(p)[:-len("_fuzz")]
        for p in glob.glob(os.path.join(build, "tests/fuzz/*_fuzz")))
    targets, seconds = known, 60
    for word in words:
        if word == "--keep":
            continue
        if word.isdigit():
            seconds = int(word)
        elif word in known:
            targets = [word]
        else:
            sys.exit(f"no fuzzer '{word}'; there are: {' '.join(known)}")
    if not targets:
        sys.exit("no fuzz target was built")
    status = 1 if [t for t in targets if fuzz(build, t, seconds)] else 0
    if "--keep" in words:
        for target in targets:
            keep(build, target)
    return status


if __name__ == "__main__":
    sys.exit(main())
