#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev test`: run the named rings one after the other and count single tests.

A ring builds what it needs first; a build that fails is a failed test of that ring, so that the other
rings still tell their part. What a program under `meson test` or a script prints as TAP (cmocka does, when
asked) counts line by line; a program that prints none counts as one test.

The last line is `N passed, N failed`, the exit status 1 when anything failed or nothing ran.
"""
import json
import os
import re
import subprocess
import sys
import textwrap
import time
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUZZ_SECONDS = 10
TAP = re.compile(r"^(not ok|ok)\b[ \d]*-? *(.*)$")

# Leaks are looked for in the tests' own memory; what DPDK's EAL keeps until exit is not ours.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "LSAN_OPTIONS": f"suppressions={ROOT}/tests/lsan.supp:print_suppressions=0",
    # Processes are killed in tests: a report ends them at once, so that it cannot get lost.
    "TSAN_OPTIONS": "halt_on_error=1",
}


def say(text):
    print(f"\033[1m==>\033[0m {text}", file=sys.stderr, flush=True)


class Ring:
    """What one ring's tests came to."""

    def __init__(self, name):
        self.name, self.passed, self.failures = name, 0, []
        self.gaps = []  # what a test skips or names as not there yet (TAP): neither passed nor failed

    def result(self, good, name, detail=""):
        if good:
            self.passed += 1
        else:
            self.failures.append(name)
            print(f"FAILED {self.name}: {name}", flush=True)
            lines = [line for line in textwrap.dedent(detail).splitlines() if line.strip()]
            print("".join(f"    {line}\n" for line in lines[-40:]), end="", flush=True)

    def tap(self, text, name, good, rest):
        """Count TAP lines; the program's own exit counts when they do not explain it. What follows a
        `not ok` line up to the next verdict is its story; @rest is the program's other output."""
        rows, story = [], []
        for line in text.replace(ROOT + "/", "").splitlines():
            verdict = TAP.match(line)
            if verdict:
                story = []
                rows.append((*verdict.groups(), story))
            else:
                story.append(line)
        for verdict, title, story in rows:
            if "# SKIP" in title or (verdict == "not ok" and "# TODO" in title):
                self.gaps.append(f"{name}: {title}")
            else:
                self.result(verdict == "ok", f"{name}: {title}", "\n".join([*story, *rest.splitlines()[-15:]]))
        explained = any(verdict == "not ok" and "# TODO" not in title for verdict, title, _ in rows)
        if not rows or (not good and not explained):
            self.result(good, name, f"{text}\n{rest}")


def build(ring, what):
    """Compile a build directory. @return False when it failed, which is counted"""
    done = subprocess.run([os.path.join(ROOT, "dev"), "_build", *what], cwd=ROOT, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        ring.result(False, f"build {' '.join(what)}".strip(), done.stdout)
    return done.returncode == 0


def meson_suite(ring, suite, sanitizer="asan"):
    """A meson suite in a sanitized build."""
    if not build(ring, [sanitizer]):
        return
    log = os.path.join(ROOT, f"build-{sanitizer}", "meson-logs", f"ring-{suite}.json")
    if os.path.exists(log):
        os.unlink(log)
    done = subprocess.run(["meson", "test", "-C", f"build-{sanitizer}", "--no-rebuild", "--suite", suite,
        "--logbase", f"ring-{suite}", "--timeout-multiplier", "4"], cwd=ROOT, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, **SANITIZERS, "CMOCKA_MESSAGE_OUTPUT": "TAP"})
    if not os.path.exists(log):
        ring.result(False, f"meson test --suite {suite}", done.stdout)
        return
    with open(log, encoding="utf-8") as f:
        for line in f:
            test = json.loads(line)
            stdout, stderr = test.get("stdout") or "", test.get("stderr") or ""
            ring.tap(stdout, test["name"].split(" / ")[-1], test["result"] in ("OK", "EXPECTEDFAIL"),
                f"{stderr}\n{test['result']}")


def script(ring, argv, timeout):
    """A program that prints TAP lines."""
    try:
        done = subprocess.run(argv, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=timeout)
        ring.tap(done.stdout, os.path.basename(argv[1]), done.returncode == 0, f"exit {done.returncode}")
    except subprocess.TimeoutExpired as e:
        ring.result(False, os.path.basename(argv[1]), f"no end after {e.timeout} s")


def ring_fuzz(ring):
    if build(ring, ["fuzz"]):
        script(ring, [sys.executable, "tests/fuzz/run.py", "build-fuzz", str(FUZZ_SECONDS)], 600)


def ring_lint(ring):
    if build(ring, []):
        script(ring, [sys.executable, "tests/lint/lint.py", "build"], 600)


def pytest_run(ring, build_dir, *args, tests="tests/e2e", seconds=900):
    report = os.path.join(ROOT, build_dir, f"{os.path.basename(tests)}.xml")
    if os.path.exists(report):
        os.unlink(report)
    process = subprocess.Popen([sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider",
        f"--junitxml={report}", *args, tests], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env={**os.environ, "SLUICE_BUILD": os.path.join(ROOT, build_dir)})
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()  # it tears its bed down
        output, _ = process.communicate(timeout=60)
    if not os.path.exists(report):
        ring.result(False, f"pytest ({build_dir})", output)
        return
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is not None:
            continue
        bad = [e for kind in ("failure", "error") for e in case.findall(kind)]
        name = f"{case.get('classname', '').rsplit('.', 1)[-1]}::{case.get('name')} ({build_dir})"
        ring.result(not bad, name, (bad[0].text or bad[0].get("message", "")) if bad else "")


def ring_e2e(ring):
    if build(ring, []):
        pytest_run(ring, "build")
        pytest_run(ring, "build", "-m", "short", tests="tests/interop")
    if build(ring, ["asan"]):
        pytest_run(ring, "build-asan", "-m", "asan")


def ring_interop(ring):
    if build(ring, []):
        pytest_run(ring, "build", tests="tests/interop", seconds=1800)


def ring_fresh(ring):
    script(ring, [sys.executable, "tests/fresh/run.py"], 4 * 3600)


RINGS = {
    "unit": lambda ring: meson_suite(ring, "unit"),
    "wire": lambda ring: meson_suite(ring, "wire"),
    "config": lambda ring: meson_suite(ring, "config"),
    "sim": lambda ring: meson_suite(ring, "sim"),
    "threads": lambda ring: meson_suite(ring, "threads", "tsan"),
    "fuzz": ring_fuzz,
    "lint": ring_lint,
    "e2e": ring_e2e,
    "interop": ring_interop,
    "fresh": ring_fresh,
}


def main():
    passed = failed = 0
    summary, gaps = [], []
    for name in sys.argv[1:]:
        say(f"ring {name}")
        ring, start = Ring(name), time.monotonic()
        RINGS[name](ring)
        if not ring.passed and not ring.failures:
            ring.result(False, "nothing ran")
        passed += ring.passed
        failed += len(ring.failures)
        summary.append(f"{name:8}{ring.passed:5} passed{len(ring.failures):5} failed"
            f"{time.monotonic() - start:7.0f} s")
        say(summary[-1])
        gaps += ring.gaps
    if gaps:
        print("\nknown gaps, neither passed nor failed:\n  " + "\n  ".join(gaps))
    print("\n" + "\n".join(summary) + "\n")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
