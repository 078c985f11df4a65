#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A backend that does what nginx will not: origin.py ADDRESS PORT

It reports requests byte for byte, and answers late, oddly or not at all. The last part of the path says
what; a thread a connection, plain sockets, so that nothing tidies a message up on its way.

    sum      JSON: head lines as received, length and SHA-256 of the body, its framing, trailers
    mirror   the body back
    bytes    ?size=N           N known bytes with Content-Length
    chunked  ?size=N&piece=M   the same in chunks, with a trailer
    close    ?size=N           the same until the connection closes
    status   ?code=N           that status without a body
    wait     ?ms=N             answer after that time
    interim                    103, then 200
    once                       200 with keep-alive, then the connection closes at once all the same
    hangup   ?size=N           close without an answer, or after N of 2N promised bytes
    reset                      RST instead of an answer
    garbage                    something that is not HTTP
    stop     ?ms=N&size=M      half of the M bytes, a pause, the other half
"""
import hashlib
import json
import socket
import struct
import sys
import threading
import time
import urllib.parse

# The length is prime: no segment or chunk size hides a piece that went astray.
_BLOCK = bytes(range(251)) * 4096


def known_bytes(size):
    """What `bytes`, `chunked` and `close` answer with; tests compare."""
    return (_BLOCK * (size // len(_BLOCK) + 1))[:size]


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def _more(self):
        data = self.sock.recv(262144)
        if not data:
            raise ConnectionError("closed")
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def _take(self, size, use):
        while size:
            if not self.buffer:
                self._more()
            piece, self.buffer = self.buffer[:size], self.buffer[size:]
            size -= len(piece)
            use(piece)

    def request(self):
        """@return (head lines, body use: dict) or None at a clean end"""
        while b"\r\n\r\n" not in self.buffer:
            try:
                self._more()
            except ConnectionError:
                if self.buffer:
                    raise
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines[1:])]
        lengths = [v for n, v in fields if n == "content-length"]
        codings = [v for n, v in fields if n == "transfer-encoding"]
        digest, body, trailers, framing = hashlib.sha256(), bytearray(), [], "none"
        keep = lines[0].split()[1].split("?")[0].endswith("/mirror")

        def use(piece):
            use.length += len(piece)
            digest.update(piece)
            if keep:
                body.extend(piece)
        use.length = 0
        if codings:
            framing = "chunked"
            while True:
                size = int(self._line().split(b";")[0], 16)
                if size == 0:
                    break
                self._take(size, use)
                if self._line() != b"":
                    raise ConnectionError("chunk without its end")
            while True:
                line = self._line()
                if line == b"":
                    break
                trailers.append(line.decode("latin-1"))
        elif lengths:
            framing = "length"
            self._take(int(lengths[0]), use)
        return {"lines": lines, "length": use.length, "sha256": digest.hexdigest(), "framing": framing,
            "trailers": trailers, "lengths": lengths, "codings": codings}, bytes(body)

    def answer(self, body=b"", status="200 OK", *fields, length=True):
        lines = [f"HTTP/1.1 {status}", "Content-Type: application/octet-stream", *fields]
        if length:
            lines.append(f"Content-Length: {len(body)}")
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.sock.sendall(body)

    def serve_one(self):
        """@return True to go on with the connection"""
        got = self.request()
        if got is None:
            return False
        seen, body = got
        method, target, _ = seen["lines"][0].split(" ")
        path, _, query = target.partition("?")
        args = {k: int(v[0]) for k, v in urllib.parse.parse_qs(query).items() if v[0].isdigit()}
        what, size = path.rsplit("/", 1)[1], args.get("size", 0)
        if what == "mirror":
            self.answer(body)
        elif what == "bytes":
            content = known_bytes(size)
            if method == "HEAD":
                self.answer(b"", "200 OK", f"Content-Length: {size}", length=False)
            else:
                self.answer(content)
        elif what == "chunked":
            self.answer(b"", "200 OK", "Transfer-Encoding: chunked", "Trailer: X-Sum", length=False)
            content, piece = known_bytes(size), args.get("piece", 1000)
            parts = [content[i:i + piece] for i in range(0, size, piece)]
            self.sock.sendall(b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) +
                b"0\r\nX-Sum: " + hashlib.sha256(content).hexdigest().encode() + b"\r\n\r\n")
        elif what == "close":
            self.answer(b"", "200 OK", "Connection: close", length=False)
            self.sock.sendall(known_bytes(size))
            return False
        elif what == "status":
            code = args.get("code", 204)
            self.answer(b"", f"{code} As asked", 'ETag: "e"', length=code not in (204, 304))
        elif what == "wait":
            time.sleep(args.get("ms", 0) / 1000)
            self.answer(b"late\n")
        elif what == "interim":
            self.sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            self.answer(b"after the hint\n")
        elif what == "once":
            self.answer(b"once\n")
            return False
        elif what == "hangup":
            if size:
                self.answer(b"", "200 OK", f"Content-Length: {2 * size}", length=False)
                self.sock.sendall(known_bytes(size))
            return False
        elif what == "reset":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        elif what == "garbage":
            self.sock.sendall(b"220 mail.example ESMTP\r\n\r\n")
            return False
        elif what == "stop":
            self.answer(b"", "200 OK", f"Content-Length: {size}", length=False)
            content = known_bytes(size)
            self.sock.sendall(content[:size // 2])
            time.sleep(args.get("ms", 0) / 1000)
            self.sock.sendall(content[size // 2:])
        else:
            self.answer(json.dumps(seen).encode(), "200 OK", "X-Origin: yes")
        return True

    def serve(self):
        with self.sock:
            try:
                while self.serve_one():
                    pass
            except (OSError, ValueError):
                pass


def main():
    listener = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((sys.argv[1], int(sys.argv[2])))
    listener.listen(1024)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Connection(sock).serve, daemon=True).start()


if __name__ == "__main__":
    main()
