#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Linux's ends of a transfer: peer.py ADDRESS PORT is a backend for bulk; the functions are its client.

Content follows from a seed and never repeats at a distance that a window or a buffer has: 1 MiB pieces of
random bytes, each turned by another offset. Both ends hash what they got and compare it with what they
make themselves, so that a byte lost, doubled or moved shows whatever its place.

    GET …?size=N&seed=S    N bytes of content
    POST                   JSON: length and SHA-256 of the body
"""
import hashlib
import json
import random
import socket
import sys
import threading
import urllib.parse

PIECE = 1 << 20
_sources = {}


def pieces(size, seed):
    """The content, as memoryviews."""
    if seed not in _sources:
        half = random.Random(seed).randbytes(PIECE)
        _sources[seed] = memoryview(half + half)
    source, number = _sources[seed], 0
    while size > 0:
        at = number * 7919 % PIECE
        yield source[at:at + min(PIECE, size)]
        size -= PIECE
        number += 1


def digest(size, seed):
    total = hashlib.sha256()
    for piece in pieces(size, seed):
        total.update(piece)
    return total.hexdigest()


class Stream:
    """One connection's incoming bytes."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def head(self):
        """@return (first line, {field: value}) or None at a clean end"""
        while b"\r\n\r\n" not in self.rest:
            got = self.sock.recv(65536)
            if not got:
                if self.rest:
                    raise ConnectionError(f"closed within a head: {self.rest[:200]!r}")
                return None
            self.rest += got
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        return first, {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}

    def body(self, size):
        """@return its SHA-256"""
        total, room = hashlib.sha256(), memoryview(bytearray(PIECE))
        piece, self.rest = self.rest[:size], self.rest[size:]
        while True:
            total.update(piece)
            size -= len(piece)
            if not size:
                return total.hexdigest()
            got = self.sock.recv_into(room, min(size, PIECE))
            if not got:
                raise ConnectionError(f"closed with {size} bytes to come")
            piece = room[:got]


def _exchange(sock, head, size=0, seed=0):
    sock.sendall((head + "Host: bulk.example\r\n\r\n").encode())
    for piece in pieces(size, seed):
        sock.sendall(piece)
    stream = Stream(sock)
    got = stream.head()
    if got is None or " 200 " not in got[0]:
        raise ConnectionError(f"answered with {got}")
    return got[1], stream


def download(sock, size, seed, path="/bulk/", fields=""):
    """@param fields  more lines of the head @return SHA-256 of what came"""
    fields, stream = _exchange(sock, f"GET {path}?size={size}&seed={seed} HTTP/1.1\r\n{fields}")
    if fields.get("content-length") != str(size):
        raise ConnectionError(f"{size} bytes were asked for: {fields}")
    return stream.body(size)


def upload(sock, size, seed, path="/bulk/"):
    """@return SHA-256 of what the backend got"""
    fields, stream = _exchange(sock, f"POST {path} HTTP/1.1\r\nContent-Length: {size}\r\n", size, seed)
    length = int(fields["content-length"])
    while len(stream.rest) < length:
        got = sock.recv(65536)
        if not got:
            raise ConnectionError("closed within the report")
        stream.rest += got
    seen = json.loads(stream.rest[:length])
    if seen["length"] != size:
        raise ConnectionError(f"{size} bytes were sent: {seen}")
    return seen["sha256"]


def _serve(sock):
    stream = Stream(sock)
    with sock:
        while True:
            try:
                got = stream.head()
                if got is None:
                    return
                first, fields = got
                method, target, _ = first.split(" ")
                asked = {k: int(v[0]) for k, v in urllib.parse.parse_qs(target.partition("?")[2]).items()}
                close = "/close/" in target
                answer = "HTTP/1.1 200 OK\r\n" + ("Connection: close\r\n" if close else "")
                if method == "POST":
                    size = int(fields["content-length"])
                    text = json.dumps({"length": size, "sha256": stream.body(size)})
                    sock.sendall(f"{answer}Content-Length: {len(text)}\r\n\r\n{text}".encode())
                else:
                    sock.sendall(f"{answer}Content-Length: {asked['size']}\r\n\r\n".encode())
                    for piece in pieces(asked["size"], asked["seed"]):
                        sock.sendall(piece)
                if close:
                    return
            except (OSError, ValueError, KeyError) as e:
                print(f"{type(e).__name__}: {e}", flush=True)
                return


def main():
    listener = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((sys.argv[1], int(sys.argv[2])))
    listener.listen(4096)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
