#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The scripts for Pktgen and TRex parse. Neither tool is at hand where this runs: Lua is asked through
luac, or through the LuaJIT library that wrk brings along; without both, 77 (skipped)."""
import ctypes
import ctypes.util
import glob
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def lua_problem(path, library):
    luac = next((p for p in map(shutil.which, ("luac", "luac5.4", "luac5.3", "luac5.1")) if p), None)
    if luac:
        done = subprocess.run([luac, "-p", path], capture_output=True, text=True, check=False)
        return done.stderr.strip() if done.returncode else None
    library.luaL_newstate.restype = library.lua_tolstring.restype = ctypes.c_void_p
    state = ctypes.c_void_p(library.luaL_newstate())
    if library.luaL_loadfile(state, path.encode()) == 0:
        return None
    return ctypes.string_at(library.lua_tolstring(state, -1, None)).decode()


def main():
    problems = []
    for path in sorted(glob.glob(f"{HERE}/trex/*.py")):
        with open(path, encoding="utf-8") as f:
            try:
                compile(f.read(), path, "exec")
            except SyntaxError as e:
                problems.append(f"{path}:{e.lineno}: {e.msg}")
    name = ctypes.util.find_library("luajit-5.1")
    skipped = not name and not any(shutil.which(p) for p in ("luac", "luac5.4", "luac5.3", "luac5.1"))
    if not skipped:
        library = ctypes.CDLL(name) if name else None
        found = (lua_problem(path, library) for path in sorted(glob.glob(f"{HERE}/p*/*.lua")))
        problems += [p for p in found if p]
    print("\n".join(problems) or ("Lua was not looked at" if skipped else "all parse"))
    return 1 if problems else 77 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
