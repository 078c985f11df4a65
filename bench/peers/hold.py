#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hold.py ADDRESS:PORT COUNT HEAD SOURCE…: opens COUNT connections from the source addresses in turn, sends one request
(HEAD) on each and reads its answer, says so, and holds them until standard input ends. Then it says how many were
still open."""
import os
import resource
import select
import socket
import sys

AT_ONCE = 256
ANSWER_MAX = 16384
IP_BIND_ADDRESS_NO_PORT = 24  # the port is chosen by connect(), per destination


def open_one(target, source):
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    s.bind((source, 0))
    s.connect(target)
    return s


def answered(s):
    data = s.recv(ANSWER_MAX)
    return data.startswith(b"HTTP/1.1 200 ")


def ended(sockets):
    """Those that the other side has closed."""
    count = 0
    for s in sockets:
        try:
            count += s.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
        except BlockingIOError:
            pass
        except OSError:
            count += 1
    return count


def main():
    address, port = sys.argv[1].rsplit(":", 1)
    count, head, sources = int(sys.argv[2]), os.fsencode(sys.argv[3]).decode("unicode_escape").encode(), sys.argv[4:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 1024, count + 1024))
    held = []
    while len(held) < count:
        burst = [open_one((address, int(port)), sources[(len(held) + i) % len(sources)])
            for i in range(min(AT_ONCE, count - len(held)))]
        for s in burst:
            s.sendall(head)
        if not all([answered(s) for s in burst]):
            sys.exit(f"a request was not answered, with {len(held)} connections open")
        held += burst
    print(f"held {len(held)}", flush=True)
    select.select([sys.stdin], [], [])
    print(f"open {count - ended(held)}", flush=True)


if __name__ == "__main__":
    main()
