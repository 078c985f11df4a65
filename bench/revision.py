#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs of another revision, built in a git worktree in the build directory. The worktree is removed when the
block ends, by Ctrl-C and SIGTERM too; one that a killed run left behind is removed by the next."""
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(ROOT, "build"))
PREFIX = "revision-"


def git(*words, cwd=ROOT):
    done = subprocess.run(["git", "-C", cwd, "-c", "safe.directory=*", *words], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def step(*argv):
    """Run a part of the build. @raise RuntimeError with the last lines of its output"""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv[:2])} failed:\n" + "\n".join(done.stdout.splitlines()[-30:]))


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def sweep():
    """Remove what killed runs left behind."""
    for name in os.listdir(BUILD):
        pid = name[len(PREFIX):].split("-")[0]
        if name.startswith(PREFIX) and pid.isdigit() and not alive(pid):
            shutil.rmtree(os.path.join(BUILD, name), ignore_errors=True)
    git("worktree", "prune")


@contextlib.contextmanager
def built(revision, program, graft=()):
    """@param graft  files and folders that are taken from this tree. @return a context: the path of @p program (bench/l7)"""
    commit = git("rev-parse", "--verify", f"{revision}^{{commit}}")
    sweep()
    directory = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=BUILD)
    tree, out = os.path.join(directory, "tree"), os.path.join(directory, "build")
    try:
        print(f"building {program} of {revision}", file=sys.stderr)
        git("worktree", "add", "--detach", tree, commit)
        for part in graft:
            print(f"with {part} of this tree", file=sys.stderr)
            if os.path.isdir(os.path.join(ROOT, part)):
                shutil.rmtree(os.path.join(tree, part))
                shutil.copytree(os.path.join(ROOT, part), os.path.join(tree, part))
            else:
                shutil.copy(os.path.join(ROOT, part), os.path.join(tree, part))
        step("meson", "setup", out, tree)
        step("ninja", "-C", out, program)
        yield os.path.join(out, program)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        git("worktree", "prune")


def has(revision, path, text):
    """Does the file of that revision hold this text?"""
    try:
        return text in git("show", f"{revision}:{path}")
    except RuntimeError:
        return False
