# SPDX-License-Identifier: Apache-2.0
"""An HTTP client that hides nothing: bytes out, answers in with their framing checked."""
import ssl
import time


class Answer:
    """One response. Fields keep their order; names are lower case."""

    def __init__(self, status, phrase, fields):
        self.status, self.phrase, self.fields = status, phrase, fields
        self.body = b""
        self.trailers = []
        self.interim = []
        self.complete = True

    def all(self, name):
        return [v for n, v in self.fields if n == name]

    def one(self, name, default=None):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else default

    def __repr__(self):
        return f"<{self.status} {self.phrase} {self.fields} {len(self.body)} bytes {self.body[:100]!r}>"


class Closed(Exception):
    """The connection ended; .partial is what had come of an answer (Answer or bytes)."""

    def __init__(self, partial=b""):
        super().__init__(f"closed after {partial!r}"[:400])
        self.partial = partial


class Client:
    """One connection. A context manager; reads time out with TimeoutError."""

    def __init__(self, sock, tls=None, host=None):
        if tls:
            sock = tls.wrap_socket(sock, server_hostname=host)
        self.sock = sock
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data if isinstance(data, (bytes, bytearray, memoryview)) else data.encode("latin-1"))

    def request(self, method, target, fields=(), body=None, host="echo.example", read=True):
        """Send a request with exactly these fields (and Host, and Content-Length for a body)."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{n}: {v}" for n, v in fields]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines) + "\r\n\r\n")
        if body:
            self.send(body)
        return self.answer(method) if read else None

    def get(self, target, *fields, host="echo.example"):
        return self.request("GET", target, fields, host=host)

    def _more(self):
        try:
            data = self.sock.recv(262144)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as e:
            raise Closed(bytes(self.buffer)) from e
        if not data:
            raise Closed(bytes(self.buffer))
        self.buffer += data

    def _until(self, mark):
        start = 0
        while True:
            at = self.buffer.find(mark, start)
            if at >= 0:
                found = bytes(self.buffer[:at])
                del self.buffer[:at + len(mark)]
                return found
            start = max(0, len(self.buffer) - len(mark))
            self._more()

    def _exactly(self, size, answer):
        pieces, got = [], 0
        while got < size:
            if not self.buffer:
                try:
                    self._more()
                except Closed as e:
                    answer.body += b"".join(pieces)
                    answer.complete = False
                    raise Closed(answer) from e
            piece = bytes(self.buffer[:size - got])
            del self.buffer[:len(piece)]
            pieces.append(piece)
            got += len(piece)
        return b"".join(pieces)

    def _head(self):
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, *phrase = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name and name == name.strip(), f"malformed field line: {line!r}"
            fields.append((name.lower(), value.strip()))
        return Answer(int(status), phrase[0] if phrase else "", fields)

    def answer(self, method="GET"):
        """Read one answer, interim answers before it included. Raises Closed or TimeoutError."""
        interim = []
        while True:
            answer = self._head()
            if answer.status >= 200:
                break
            interim.append(answer)
        answer.interim = interim
        length, coding = answer.one("content-length"), answer.one("transfer-encoding")
        assert length is None or coding is None, f"two framings: {answer}"
        if method == "HEAD" or answer.status in (204, 304):
            assert answer.status != 204 or (length is None and coding is None), f"framing in a 204: {answer}"
            return answer
        if coding is not None:
            assert coding.lower() == "chunked"
            body = []
            while True:
                size = int(self._until(b"\r\n").split(b";")[0], 16)
                if size == 0:
                    break
                body.append(self._exactly(size, answer))
                assert self._exactly(2, answer) == b"\r\n"
            answer.body = b"".join(body)
            while True:
                line = self._until(b"\r\n")
                if not line:
                    return answer
                answer.trailers.append(line.decode("latin-1"))
        elif length is not None:
            answer.body = self._exactly(int(length), answer)
        else:
            assert answer.one("connection", "").lower() == "close", f"no framing, no close: {answer}"
            while True:
                try:
                    self._more()
                except Closed:
                    break
            answer.body = bytes(self.buffer)
            self.buffer.clear()
        return answer

    def closed_within(self, seconds):
        """True when the peer closes within that time without another byte."""
        self.sock.settimeout(seconds)
        try:
            return not self.buffer and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def sleep_reading(self, seconds, rate):
        """Read at most @rate bytes a second for that time. @return bytes read"""
        end, got = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            data = self.sock.recv(max(1, rate // 20))
            if not data:
                break
            self.buffer += data
            got += len(data)
            time.sleep(0.05)
        return got
