# SPDX-License-Identifier: Apache-2.0
"""Jobs of sluice-control that take as long as a test wants: their threads are stopped with ptrace(), the loop's
goes on."""
import ctypes
import errno
import os
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long] * 4
SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


def ptrace(request, thread):
    if LIBC.ptrace(request, thread, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Jobs:
    """The threads of a process beside its first one, stopped."""

    def __init__(self, pid):
        self.threads = []
        for name in os.listdir(f"/proc/{pid}/task"):
            if int(name) != pid:
                ptrace(SEIZE, int(name))
                ptrace(INTERRUPT, int(name))
                os.waitpid(int(name), WALL)
                self.threads.append(int(name))

    def go_on(self):
        for thread in self.threads:
            try:
                ptrace(DETACH, thread)
            except OSError as e: # the process ended
                if e.errno != errno.ESRCH:
                    raise
                os.waitpid(thread, WALL)
        self.threads = []


def may_trace():
    sleep = subprocess.Popen(["sleep", "60"])
    try:
        ptrace(SEIZE, sleep.pid)
        return True
    except OSError:
        return False
    finally:
        sleep.kill()
        sleep.wait()
