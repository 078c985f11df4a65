#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Vector code of aarch64, with Debian's cross compiler and qemu: run.py ROOT BUILD. Prints TAP.

The unit tests of what has such code are built for aarch64, warnings being errors, and run; there they hold
NEON and the CRC instructions to the same oracles as SSE and AVX here. Then each other file is looked at by the
compiler, as far as it needs no header that is installed for one architecture only (DPDK's, OpenSSL's).
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys

CC = "aarch64-linux-gnu-gcc"
QEMU = "qemu-aarch64-static"
# As meson.build has it.
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-march=armv8-a+crc", "-Wall", "-Wextra", "-Werror",
    "-Wno-unused-parameter", "-Wno-missing-field-initializers", "-fno-strict-aliasing", "-I.",
    '-DSLUICE_VERSION=""']
STAND_INS = "-Itests/aarch64"
# Headers that are the same for all; -idirafter, so that the C library's are the cross compiler's.
HOST_HEADERS = ["-idirafter", "/usr/include", "-idirafter", "/usr/include/hs"]
FOREIGN = re.compile(r"fatal error: ((?:rte_|openssl/|asm/)\S*): No such file")

HTTP = ["dataplane/http/*.c", "dataplane/http/h1/*.c"]
PROGRAMS = {
    **{f"http_{name}": [f"tests/unit/http/{name}_test.c", *HTTP] for name in ("fields", "values")},
    **{f"http1_{name}": [f"tests/unit/http/h1/{name}_test.c", *HTTP]
        for name in ("scan", "corpus", "head", "body", "write")},
    "base_hash": ["tests/unit/base/hash_test.c", "lib/base/crc32c.c", "lib/base/siphash.c"],
    "base_bytes": ["tests/unit/base/bytes_test.c"],
    "net_checksum": ["tests/unit/net/checksum_test.c", "dataplane/net/checksum.c"],
}


def output(argv):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=300)
    except FileNotFoundError:
        return 127, f"{argv[0]} is missing: install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
    return done.returncode, done.stdout


def say(text):
    """TAP: what is no verdict is a comment."""
    for line in text.splitlines():
        print(line if re.match("(not )?ok ", line) else f"# {line}", flush=True)


def run(program, build):
    path = os.path.join(build, f"{program}.aarch64")
    sources = [source for pattern in PROGRAMS[program] for source in sorted(glob.glob(pattern))]
    status, text = output([CC, *FLAGS, STAND_INS, "-static", "-o", path, *sources])
    if status:
        return f"not ok - {program} builds\n{text}"
    status, text = output([QEMU, path])
    verdicts = [line for line in text.splitlines() if line.startswith(("ok", "not ok"))]
    if status and not any(line.startswith("not") for line in verdicts):
        text += f"not ok - ends with status {status}\n"
    return re.sub(r"(?m)^((?:not )?ok) - ", rf"\1 - {program}: ", text)


def look_at(path):
    """@return (path, what is wrong or None, the header that is not there or None)"""
    status, text = output([CC, *FLAGS, *HOST_HEADERS, "-fsyntax-only", path])
    missing = FOREIGN.search(text)
    if not status or missing:
        return path, None, missing and missing.group(1)
    return path, text, None


def main():
    os.chdir(sys.argv[1])
    failed = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for text in pool.map(lambda program: run(program, sys.argv[2]), PROGRAMS):
            failed |= "not ok" in text
            say(text)
        looks = list(pool.map(look_at, sorted(path for tree in ("lib", "dataplane", "control")
            for path in glob.glob(f"{tree}/**/*.c", recursive=True))))
    wrong = [text for _, text, _ in looks if text]
    unseen = [path for path, _, missing in looks if missing]
    print(f"# {len(looks) - len(unseen)} of {len(looks)} files looked at")
    # The rest is glue to DPDK and OpenSSL, which bring their own code for aarch64.
    for path in unseen:
        if path.startswith(("lib/base/", "lib/shm/", "dataplane/http/", "dataplane/route/", "dataplane/backend/")):
            wrong.append(f"{path} is not plain C any more")
    print(f"{'not ok' if wrong else 'ok'} - files without DPDK and OpenSSL compile")
    say("\n".join(wrong))
    return 1 if failed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
