# SPDX-License-Identifier: Apache-2.0
"""Requests that are refused: ambiguous, oversized or too slow."""
import json
import time

import pytest

import settings

HOST = "Host: echo.example\r\n"

# Whatever two implementations could frame differently (RFC 9112 sections 6 and 11.2).
SMUGGLING = {
    "length and chunked": "POST /echo/sum HTTP/1.1\r\n{H}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": "POST /echo/sum HTTP/1.1\r\n{H}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "the same length twice": "POST /echo/sum HTTP/1.1\r\n{H}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": "POST /echo/sum HTTP/1.1\r\n{H}Content-Length: 4, 4\r\n\r\nabcd",
    "a signed length": "POST /echo/sum HTTP/1.1\r\n{H}Content-Length: +4\r\n\r\nabcd",
    "a length beyond 64 bits": "POST /echo/sum HTTP/1.1\r\n{H}Content-Length: 18446744073709551620\r\n\r\nabcd",
    "an unknown coding": "POST /echo/sum HTTP/1.1\r\n{H}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": "POST /echo/sum HTTP/1.1\r\n{H}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two fields": "POST /echo/sum HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": "POST /echo/sum HTTP/1.0\r\n{H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a vertical tab in the coding": "POST /echo/sum HTTP/1.1\r\n{H}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "space before the colon": "POST /echo/sum HTTP/1.1\r\n{H}Content-Length : 4\r\n\r\nabcd",
    "a folded field": "GET /echo/sum HTTP/1.1\r\n{H}X-A: b\r\n c\r\n\r\n",
    "a leading space in the first field": "GET /echo/sum HTTP/1.1\r\n X-A: b\r\n{H}\r\n",
    "a bare LF": "GET /echo/sum HTTP/1.1\n{H}\r\n",
    "a bare CR": "GET /echo/sum HTTP/1.1\r\n{H}X-A: b\rc\r\n\r\n",
    "a NUL": "GET /echo/sum HTTP/1.1\r\n{H}X-A: b\0c\r\n\r\n",
    "no host": "GET /echo/sum HTTP/1.1\r\n\r\n",
    "two hosts": "GET /echo/sum HTTP/1.1\r\n{H}Host: other.example\r\n\r\n",
    "a host against the target": "GET http://other.example/echo/sum HTTP/1.1\r\n{H}\r\n",
    "a chunk size with junk": "POST /echo/sum HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n4x\r\nabcd\r\n0\r\n\r\n",
    "a chunk size that overflows": "POST /echo/sum HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n10000000000000004\r\nabcd\r\n0\r\n\r\n",
    "a chunk longer than its size": "POST /echo/sum HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "a chunk that ends in LF": "POST /echo/sum HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n4\nabcd\n0\n\n",
    "an endless chunk extension": "POST /echo/sum HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n4;" + "a" * 20000 + "\r\nabcd\r\n0\r\n\r\n",
    "a space in the target": "GET /echo/su m HTTP/1.1\r\n{H}\r\n",
    "a method that is no token": "G@T /echo/sum HTTP/1.1\r\n{H}\r\n",
    "no request at all": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.asan
@pytest.mark.parametrize("text", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_ambiguous_framing_is_400_and_closed(connect, text):
    connection = connect()
    connection.send(text.replace("{H}", HOST) + "GET /echo/smuggled HTTP/1.1\r\n" + HOST + "\r\n")
    answer = connection.answer("POST")
    assert answer.status == 400, answer
    assert answer.one("connection", "").lower() == "close"
    assert connection.closed_within(3), "nothing after it may be taken for a request"


def refused(connection, text, status):
    connection.send(text)
    answer = connection.answer()
    assert answer.status == status, answer
    return answer


def test_a_head_of_64_kib_is_431(connect):
    refused(connect(), "GET /echo/sum HTTP/1.1\r\n" + HOST + "".join(
        f"X-{i}: {'a' * 1000}\r\n" for i in range(64)) + "\r\n", 431)


def test_too_many_fields_are_431(connect):
    refused(connect(), "GET /echo/sum HTTP/1.1\r\n" + HOST + "A: b\r\n" * 200 + "\r\n", 431)


def test_a_long_target_is_414(connect):
    refused(connect(), f"GET /echo/{'a' * 9000} HTTP/1.1\r\n{HOST}\r\n", 414)


def test_another_major_version_is_505(connect):
    refused(connect(), f"GET /echo/sum HTTP/2.0\r\n{HOST}\r\n", 505)


def test_connect_is_501(connect):
    refused(connect(), "CONNECT echo.example:80 HTTP/1.1\r\nHost: echo.example:80\r\n\r\n", 501)


def test_an_upgrade_is_ignored(connect):
    connection = connect()
    connection.send("GET /echo/sum HTTP/1.1\r\n" + HOST + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    answer = connection.answer()
    assert answer.status == 200, answer
    assert not [line for line in json.loads(answer.body)["lines"] if line.lower().startswith("upgrade")]


def test_an_unknown_expectation_is_417(connect):
    refused(connect(), f"GET /echo/sum HTTP/1.1\r\n{HOST}Expect: a-pony\r\n\r\n", 417)


def timed(connection, limit):
    """Read the 408 and the close, and check when they came."""
    start = time.monotonic()
    answer = connection.answer()
    took = time.monotonic() - start
    assert answer.status == 408, answer
    assert limit * 0.6 < took < limit + 1.5, f"after {took:.2f} s"
    assert connection.closed_within(2)


def test_an_unfinished_head_is_408(connect):
    connection = connect()
    connection.send("GET /echo/sum HTTP/1.1\r\nHost: ec")
    timed(connection, settings.HEAD_TIMEOUT)


def test_a_head_that_drips_is_408_all_the_same(connect):
    connection = connect()
    start = time.monotonic()
    connection.send("GET /echo/sum HTTP/1.1\r\n")
    answer = None
    connection.sock.settimeout(0.2)
    while time.monotonic() - start < settings.HEAD_TIMEOUT + 2:
        try:
            answer = connection.answer()
            break
        except TimeoutError:
            connection.send("X")
    assert answer is not None and answer.status == 408
    assert time.monotonic() - start < settings.HEAD_TIMEOUT + 1.5


def test_an_unfinished_body_is_408(connect):
    connection = connect()
    connection.send(f"POST /patient/sum HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\nabc")
    timed(connection, settings.BODY_TIMEOUT)


def test_an_idle_connection_is_closed_without_a_word(connect):
    connection = connect()
    assert connection.get("/echo/bytes?size=1").status == 200
    start = time.monotonic()
    assert connection.closed_within(settings.IDLE_TIMEOUT + 2)
    assert time.monotonic() - start > settings.IDLE_TIMEOUT * 0.6


def test_refusals_are_counted_by_reason(gateway, connect):
    before = gateway.stats().reason("bare_lf")
    refused(connect(), "GET /echo/sum HTTP/1.1\n" + HOST + "\r\n", 400)
    assert gateway.stats().reason("bare_lf") == before + 1
