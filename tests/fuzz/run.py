#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run the fuzzers of a build: run.py BUILD [TARGET] [SECONDS]

New inputs go to BUILD/corpus/TARGET, so that the tree stays as it was; the seeds in
tests/fuzz/corpus/TARGET are read first. A finding stays in BUILD/findings and its path is printed: put
it into the seeds together with the fix. One line a target, `ok` or `not ok`, exit 1 after a finding.
"""
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def fuzz(build, target, seconds):
    """@return "" or what was found"""
    corpus, findings = (os.path.join(build, d, target) for d in ("corpus", "findings"))
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(findings, exist_ok=True)
    seeds = os.path.join(HERE, "corpus", target)
    done = subprocess.run([
        os.path.join(build, "tests/fuzz", target + "_fuzz"), corpus, *([seeds] if os.path.isdir(seeds) else []),
        f"-max_total_time={seconds}", "-max_len=70000", "-timeout=10", "-rss_limit_mb=2048",
        f"-artifact_prefix={findings}/", "-print_final_stats=1"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        timeout=seconds + 120)
    if done.returncode == 0:
        counts = [line.rpartition(":")[2].strip() for line in done.stdout.splitlines()
            if line.startswith("stat::number_of_executed_units")]
        print(f"ok - {target}: {counts[0] if counts else '?'} inputs in {seconds} s", flush=True)
        return ""
    print(f"not ok - {target}: finding in {findings}")
    print("\n".join("    " + line for line in done.stdout.splitlines()[-40:]), flush=True)
    return findings


def main():
    build, *words = sys.argv[1:]
    known = sorted(os.path.basename(p)[:-len("_fuzz")]
        for p in glob.glob(os.path.join(build, "tests/fuzz/*_fuzz")))
    targets, seconds = known, 60
    for word in words:
        if word.isdigit():
            seconds = int(word)
        elif word in known:
            targets = [word]
        else:
            sys.exit(f"no fuzzer '{word}'; there are: {' '.join(known)}")
    if not targets:
        sys.exit("no fuzz target was built")
    return 1 if [t for t in targets if fuzz(build, t, seconds)] else 0


if __name__ == "__main__":
    sys.exit(main())
