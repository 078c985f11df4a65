#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev test fresh`: README's commands on a Debian 12 that has nothing but git.

debootstrap's minbase goes into a folder, a clone of this repository (what is committed) into the folder, and the commands
run in there as a user types them. Mounts and processes live in namespaces of their own, so that they end with this
program, however it ends; a folder that a killed run left behind is removed by the next, or by ./dev clean. The folder is a
mount of its own, because `ip netns exec` changes the propagation of "/". One line of TAP for each step; what a failed
command printed follows.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PREFIX = "sluice-fresh-"
SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
# Rings that need no more than some minutes; both of README's commands install what they miss.
COMMANDS = ("./dev demo --once", "./dev test config unit", "./dev clean")
COMMAND_SECONDS = 5400
# What is started ends with this program, and with its first process all that it started and mounted.
APART = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
# In the namespaces: the folder becomes a mount, then what programs expect in "/". The kernel removes all of it.
ENTER = """set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mount -t tmpfs run "$1/run"
cd "$1"
exec env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
	chroot . /bin/bash -c "cd /srv/sluice && $2" </dev/null
"""


def sweep():
    """Remove folders of runs that were killed: nothing is mounted in them any more."""
    for name in os.listdir(tempfile.gettempdir()):
        pid = name[len(PREFIX):].split("-")[0]
        if name.startswith(PREFIX) and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)


def call(argv, seconds):
    """@return (went well, what it printed)"""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            check=False, timeout=seconds)
        return done.returncode == 0, done.stdout
    except subprocess.TimeoutExpired as e:
        return False, f"{e.stdout or ''}\nno end after {seconds} s"


def make(folder):
    """@return (went well, what was printed)"""
    good, output = call([*APART, "debootstrap", "--variant=minbase", "--include=git", SUITE, folder, MIRROR], 1800)
    if good:
        # The mirror's proxy, where this machine needs one.
        lines = subprocess.run(["apt-config", "dump"], stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()
        with open(os.path.join(folder, "etc/apt/apt.conf.d/90proxy"), "w", encoding="utf-8") as f:
            f.writelines(line + "\n" for line in lines if line.startswith("Acquire::http") and "roxy" in line)
        shutil.copy("/etc/resolv.conf", os.path.join(folder, "etc/resolv.conf"))
        good, output = call(["git", "-c", "safe.directory=*", "clone", "-q", "--no-hardlinks", ROOT,
            os.path.join(folder, "srv/sluice")], 300)
    return good, output


def inside(folder, command):
    return call([*APART, "sh", "-c", ENTER, "enter", folder, command], COMMAND_SECONDS)


def tell(name, good, output):
    print(f"{'ok' if good else 'not ok'} - {name}")
    if not good:
        print("\n".join(output.splitlines()[-40:]))
    sys.stdout.flush()
    return good


def main():
    sweep()
    if sys.argv[1:] == ["--sweep"]:
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
    os.chmod(folder, 0o755)  # as "/" is: the gateway's users look into it
    try:
        good = tell("minbase and a clone", *make(folder))
        for command in sys.argv[1:] or COMMANDS:
            good = good and tell(command, *inside(folder, command))
        return 0 if good else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
