#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev configures a build directory again that was configured for another source folder, and no other.

A copy of ./dev runs in an empty folder; meson and ninja are programs that write down how they were called. TAP.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

STUB = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
[ "$1" != setup ] || { mkdir -p "$2" && touch "$2/build.ninja"; }
"""


def calls_of_build(dev, source):
    """@param source  what the build directory was configured for. @return the calls of meson and ninja"""
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        shutil.copy(dev, folder)
        os.makedirs(f"{folder}/bin")
        for name in ("meson", "ninja"):
            with open(f"{folder}/bin/{name}", "w", encoding="ascii") as f:
                f.write(STUB)
            os.chmod(f"{folder}/bin/{name}", 0o755)
        os.makedirs(f"{folder}/build/meson-info")
        with open(f"{folder}/build/meson-info/meson-info.json", "w", encoding="ascii") as f:
            json.dump({"directories": {"source": source or folder}}, f)
        with open(f"{folder}/build/build.ninja", "w", encoding="ascii"):
            pass
        subprocess.run([f"{folder}/dev", "_build"], check=True, stderr=subprocess.DEVNULL,
            env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "CALLS": f"{folder}/calls"})
        with open(f"{folder}/calls", encoding="ascii") as f:
            return f.read().splitlines()


def main():
    dev = os.path.join(sys.argv[1], "dev")
    results = {
        "a build directory of a copied checkout is configured again":
            calls_of_build(dev, "/elsewhere/é") == ["meson setup build", "ninja -C build"],
        "a build directory of this checkout is left alone": calls_of_build(dev, None) == ["ninja -C build"],
    }
    for name, good in results.items():
        print(f"{'ok' if good else 'not ok'} - {name}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
