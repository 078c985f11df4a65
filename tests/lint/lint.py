#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev lint`: lint.py BUILD. One line a check, `ok` or `not ok` with what is wrong below it.

BUILD is a configured build directory; only its compile_commands.json is read. In a clone with git only
tracked files are looked at, so that work under way elsewhere does not count.
"""
import concurrent.futures
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys

import layers
import rules

TREES = ("lib", "dataplane", "control", "tests", "bench")
JOBS = os.cpu_count() or 2


def output(argv):
    """@return (exit status, what it printed)"""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def files():
    """Files of the tree, as paths from its root."""
    if shutil.which("git") and os.path.isdir(".git"):
        # Under sudo the clone belongs to somebody else, which git would refuse.
        status, text = output(["git", "-c", f"safe.directory={os.getcwd()}", "ls-files"])
        if status == 0:
            return [path for path in text.splitlines() if os.path.isfile(path)]
    found = []
    for top, dirs, names in os.walk("."):
        dirs[:] = [d for d in dirs if not d.startswith((".git", "build", "__pycache__"))]
        found += [os.path.relpath(os.path.join(top, name), ".") for name in names]
    return found


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return [problem for problems in pool.map(function, items) for problem in problems]


def check_format(c_files, _build):
    """clang-format would change nothing"""
    def one(path):
        status, text = output(["clang-format", "--dry-run", "-Werror", path])
        lines = [line for line in text.splitlines() if "error:" in line]
        return [f"{lines[0]} ({len(lines)} places; ./dev fmt)"] if status else []
    return in_parallel(one, c_files)


def check_tidy(c_files, build):
    """clang-tidy finds nothing (.clang-tidy says what it looks for)"""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        commands = json.load(f)
    tracked = set(c_files)
    known = {os.path.relpath(os.path.join(c["directory"], c["file"]), ".") for c in commands}
    # Tests are compiled with all warnings; their deliberate abuse is not clang-tidy's business.
    wanted = sorted(p for p in known & tracked if p.startswith(("lib/", "dataplane/", "control/")))
    if not wanted:
        return [f"{build}/compile_commands.json names no file of this tree"]

    def one(path):
        status, text = output(["clang-tidy", "--quiet", "-p", build, path])
        if not status:
            return []
        found = [re.match(r"([^:]+)(:\d+:\d+: (?:error|warning): .*)", line) for line in text.splitlines()]
        # Paths come as the compiler was given them: from the build directory.
        return [os.path.relpath(os.path.join(build, m.group(1)), ".") + m.group(2) for m in found if m]
    return sorted(set(in_parallel(one, wanted)))


def check_headers(c_files, _build):
    """every header compiles alone"""
    _, flags = output(["pkg-config", "--cflags", "libdpdk", "openssl", "libconfig", "libhs", "jansson"])

    def one(path):
        status, text = output(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Werror", "-fsyntax-only",
            *flags.split(), "-I.", "-x", "c", "-include", path, "/dev/null"])
        lines = [line for line in text.splitlines() if "error:" in line]
        return [lines[0] if lines else f"{path}: does not compile alone"] if status else []
    return in_parallel(one, [p for p in c_files if p.endswith(".h") and
        p.startswith(("lib/", "dataplane/", "control/"))])


def check_layers(c_files, _build):
    """includes go down the layers"""
    return layers.violations(c_files)


NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def without_noise(text):
    """Comments and strings blanked; lines keep their numbers."""
    return NOISE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def check_forbidden(_c_files, _build):
    """no forbidden word (tests/lint/forbidden.txt)"""
    rules = []
    with open("tests/lint/forbidden.txt", encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                pattern, where, but, why = line.rstrip("\n").split("\t")
                rules.append((re.compile(pattern.lstrip("!")), pattern.startswith("!"),
                    tuple(where.split(",")), tuple(but.split(",")), why))
    found = []
    for path in files():
        if not fnmatch.fnmatch(path, "*.[ch]") and not path.endswith(
                (".py", ".sh", ".md", ".build", ".conf", ".in", ".def", ".lua", "dev")):
            continue
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
        code = without_noise(text) if path.endswith((".c", ".h")) else None
        for pattern, whole, where, but, why in rules:
            if not path.startswith(where) or path.startswith(but):
                continue
            looked_at = text if whole else code
            if looked_at is None:
                continue
            for m in pattern.finditer(looked_at):
                found.append(f"{path}:{looked_at.count(chr(10), 0, m.start()) + 1}: {m.group().strip()}: {why}")
    return found


def check_rules(_c_files, _build):
    """docs/tcp.md is what the wire scripts say"""
    return rules.problems()


def check_scripts(_c_files, _build):
    """scripts parse"""
    found = []
    for path in files():
        if path.endswith(".py"):
            try:
                with open(path, encoding="utf-8") as f:
                    compile(f.read(), path, "exec")
            except SyntaxError as e:
                found.append(f"{path}:{e.lineno}: {e.msg}")
        elif path in ("dev", ".ci/run") or path.endswith(".sh"):
            status, text = output(["bash", "-n", path])
            found += text.splitlines() if status else []
    return found


CHECKS = (check_layers, check_forbidden, check_scripts, check_rules, check_headers, check_format, check_tidy)


def main():
    build = sys.argv[1]
    c_files = [p for p in files() if p.endswith((".c", ".h")) and p.startswith(TREES)]
    failed = 0
    for check in CHECKS:
        problems = check(c_files, build)
        print(f"{'not ok' if problems else 'ok'} - {check.__doc__}")
        print("".join(f"    {problem}\n" for problem in problems), end="", flush=True)
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
