#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which folder may include which: the layers of docs and STYLE, held by script.

  - in the dataplane calls go down: ask, io, net, tcp, tls, http, then policy and route, then backend, pipeline and the
    codecs of http, then proxy and sync, then the worker and main in dataplane/ itself; what lies below a codec sees
    messages and not what carries them
  - NAME_priv.h is for its folder alone, for the tests that mirror it, for fuzzers and for the simulation
  - lib knows neither dataplane nor control; control sees no DPDK, also not through another header
  - http, policy, route, backend and pipeline see no mbuf and no packet layer: sans I/O
"""
import os
import re
import sys

RANKS = {"ask": 0, "io": 0, "net": 1, "tcp": 2, "tls": 3, "http": 4, "policy": 5, "route": 5, "backend": 6, "pipeline": 6,
    "http/h1": 7, "sync": 8, "proxy": 8}
TOP = 9
SANS_IO = ("http", "http/h1", "policy", "route", "backend", "pipeline")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def includes(path):
    """(line, name, is_system) of each include of a file."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    return [(text.count("\n", 0, m.start()) + 1, m.group(2), m.group(1) == "<")
        for m in INCLUDE.finditer(text)]


def dataplane_folder(path):
    """"net" for dataplane/net/arp.c, "http/h1" below that, "" for dataplane/worker.c, None for another tree."""
    parts = path.split("/")
    if parts[0] != "dataplane":
        return None
    return "/".join(parts[1:-1])


def rank(folder):
    return RANKS.get(folder, TOP)


def reaches(path, wanted, seen=None):
    """Chain of headers over which a file includes something whose name @wanted accepts, or None."""
    seen = seen if seen is not None else set()
    for _, name, _ in includes(path):
        if wanted(name):
            return [name]
        if name not in seen and os.path.exists(name):
            seen.add(name)
            chain = reaches(name, wanted, seen)
            if chain:
                return [name, *chain]
    return None


def violations(files):
    """Lines `file:line: what` for each include against the layers."""
    found = []
    for path in files:
        folder = dataplane_folder(path)
        for line, name, _ in includes(path):
            def bad(what, line=line):
                found.append(f"{path}:{line}: {what}")
            other = dataplane_folder(name)
            if path.startswith("lib/") and name.startswith(("dataplane/", "control/")):
                bad(f"lib includes {name}")
            if folder is not None and name.startswith("control/"):
                bad(f"dataplane includes {name}")
            if folder is not None and other is not None and other != folder and rank(other) > rank(folder):
                bad(f"{folder} includes {name}, which lies above it")
            if name.endswith("_priv.h"):
                home = os.path.dirname(name)
                mirrors = path.startswith(("tests/fuzz/", "tests/sim/")) or (path.startswith(("tests/", "bench/")) and
                    os.path.basename(home) in path.split("/"))
                if os.path.dirname(path) != home and not mirrors:
                    bad(f"{name} is private to {home}")
        for tree, wanted, what in (
                (path.startswith("control/"), lambda n: n.startswith("rte_"), "control reaches DPDK"),
                (folder in SANS_IO, lambda n: n.startswith(("rte_mbuf", "rte_ethdev", "dataplane/io/",
                    "dataplane/net/", "dataplane/tcp/")), "reaches packets, but is sans I/O")):
            chain = reaches(path, wanted) if tree else None
            if chain:
                found.append(f"{path}:1: {what}: {' → '.join(chain)}")
    return found


if __name__ == "__main__":
    problems = violations(sys.argv[1:])
    print("\n".join(problems))
    sys.exit(1 if problems else 0)
