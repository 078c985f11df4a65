# SPDX-License-Identifier: Apache-2.0
"""What a consumer and a backend see of ordinary requests."""
import collections
import contextlib
import hashlib
import json
import time

import pytest

import settings
from bed import BACKENDS, wait_for
from client import Closed
from origin import known_bytes

KEY = ("X-API-Key", settings.GLOBEX_KEY)


def orders(connection, target="/v1/orders/1", key=settings.GLOBEX_KEY, *fields):
    keys = [("X-API-Key", key)] if key else []
    return connection.request("GET", target, [*keys, *fields], host=settings.HOST)


@pytest.mark.asan
@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_a_good_key_reaches_a_backend(connect, tls):
    answer = orders(connect(tls=tls))
    assert answer.status == 200 and json.loads(answer.body)["backend"] in BACKENDS


def test_the_backend_learns_who_calls(connect):
    seen = json.loads(orders(connect(), key=settings.ACME_KEY).body)
    assert (seen["consumer"], seen["plan"]) == ("acme", "bronze")
    assert seen["forwarded_for"] == "10.71.0.2"


def test_an_identity_that_the_client_sent_is_gone(connect):
    answer = orders(connect(), "/v1/orders/origin/sum", settings.GLOBEX_KEY, ("Sluice-Consumer", "root"),
        ("sluice-plan", "platinum"), ("Sluice-Anything", "x"))
    lines = [line.lower() for line in json.loads(answer.body)["lines"]]
    assert [line for line in lines if line.startswith("sluice-consumer:")] == ["sluice-consumer: globex"]
    assert [line for line in lines if line.startswith("sluice-plan:")] == ["sluice-plan: gold"]
    assert not [line for line in lines if line.startswith("sluice-anything")]


def test_the_key_is_not_passed_on(connect):
    answer = orders(connect(), "/v1/orders/origin/sum")
    assert settings.GLOBEX_KEY not in answer.body.decode()


@pytest.mark.parametrize("key", [None, settings.UNKNOWN_KEY, settings.EXPIRED_KEY, "short", "ak_live_" + "x" * 31])
def test_without_a_good_key_the_answer_is_401(connect, key):
    connection = connect()
    answer = orders(connection, key=key)
    assert answer.status == 401
    assert answer.one("content-type").startswith("application/problem+json")
    assert json.loads(answer.body)["status"] == 401
    assert orders(connection).status == 200, "the connection stays usable"


def test_two_keys_are_ambiguous(connect):
    assert orders(connect(), "/v1/orders/1", settings.GLOBEX_KEY, ("X-API-Key", settings.ACME_KEY)).status == 401


def test_an_api_outside_the_plan_is_403(connect):
    assert orders(connect(), "/v1/catalog/1", settings.ACME_KEY).status == 403


def test_an_unknown_host_or_path_is_404(connect):
    connection = connect()
    assert connection.get("/v1/orders/1", KEY, host="nobody.example").status == 404
    assert orders(connection, "/v2/orders").status == 404


def test_a_method_outside_the_route_is_405(connect):
    answer = connect().request("POST", "/v1/orders/readonly", [KEY], b"x", host=settings.HOST)
    assert answer.status == 405


def test_over_the_plan_the_answer_is_429_with_retry_after(connect):
    connection, key = connect(), settings.LIMITED["rate"]
    answers = [orders(connection, key=key) for _ in range(30)]
    admitted = [a for a in answers if a.status == 200]
    refused = [a for a in answers if a.status == 429]
    assert len(admitted) + len(refused) == 30
    # The burst, and what 5/s adds during the test itself.
    assert settings.BRONZE_BURST <= len(admitted) <= settings.BRONZE_BURST + 5
    assert all(int(a.one("retry-after")) >= 1 for a in refused)


def test_a_limit_refills_at_its_rate(connect):
    connection, key = connect(), settings.LIMITED["refill"]
    while orders(connection, key=key).status == 200:
        pass
    time.sleep(1.05)
    statuses = [orders(connection, key=key).status for _ in range(10)]
    assert statuses[0] == 200 and 4 <= statuses.count(200) <= 7


def test_weights_share_requests_five_to_three_to_two(connect):
    connection = connect()
    seen = collections.Counter(json.loads(orders(connection).body)["backend"] for _ in range(100))
    for name, share in zip(BACKENDS, (50, 30, 20)):
        assert abs(seen[name] - share) <= 3, seen


def test_statistics_count_a_consumers_requests(gateway, connect):
    before = gateway.stats().consumers()["globex"]["requests"]
    connection = connect()
    for _ in range(7):
        orders(connection)
    assert gateway.stats().consumers()["globex"]["requests"] == before + 7


@pytest.mark.asan
def test_one_connection_carries_many_requests(connect):
    connection = connect()
    for _ in range(50):
        assert orders(connection).status == 200


@pytest.mark.asan
def test_pipelined_requests_are_answered_in_order(connect):
    connection = connect()
    connection.send("".join(
        f"GET /echo/bytes?size={100 + i} HTTP/1.1\r\nHost: echo.example\r\n\r\n" for i in range(20)))
    assert [len(connection.answer().body) for _ in range(20)] == [100 + i for i in range(20)]


def test_a_head_may_come_byte_by_byte(connect):
    connection = connect()
    for byte in b"GET /echo/bytes?size=5 HTTP/1.1\r\nHost: echo.example\r\n\r\n":
        connection.send(bytes([byte]))
    assert connection.answer().body == known_bytes(5)


def test_answers_without_a_body_leave_the_connection_in_step(connect):
    connection = connect()
    head = connection.request("HEAD", "/echo/bytes?size=1000")
    assert head.status == 200 and head.one("content-length") == "1000"
    assert connection.get("/echo/status?code=204").status == 204
    assert connection.get("/echo/status?code=304").one("etag") == '"e"'
    assert connection.get("/echo/bytes?size=3").body == known_bytes(3)


@pytest.mark.asan
def test_a_chunked_answer_arrives_whole_with_its_trailer(connect):
    answer = connect().get("/echo/chunked?size=300000&piece=777")
    content = known_bytes(300000)
    assert answer.body == content
    assert answer.trailers in ([], [f"X-Sum: {hashlib.sha256(content).hexdigest()}"])


@pytest.mark.asan
def test_a_chunked_request_arrives_whole(connect):
    connection, content = connect(), known_bytes(200000)
    connection.send("POST /patient/sum HTTP/1.1\r\nHost: echo.example\r\nTransfer-Encoding: chunked\r\n\r\n")
    for at in range(0, len(content), 3001):
        piece = content[at:at + 3001]
        connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    connection.send("0\r\n\r\n")
    seen = json.loads(connection.answer("POST").body)
    assert (seen["length"], seen["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert connection.get("/echo/bytes?size=3").body == known_bytes(3)


def test_an_answer_until_close_is_complete(connect):
    answer = connect().get("/echo/close?size=100000")
    assert answer.body == known_bytes(100000)


def test_http_1_0_is_answered_and_closed(connect):
    connection = connect()
    connection.send("GET /echo/bytes?size=9 HTTP/1.0\r\nHost: echo.example\r\n\r\n")
    assert connection.answer().body == known_bytes(9)
    assert connection.closed_within(2)


def test_a_chunked_answer_to_http_1_0_has_no_chunks(connect):
    connection = connect()
    connection.send("GET /echo/chunked?size=5000&piece=999 HTTP/1.0\r\nHost: echo.example\r\n\r\n")
    answer = connection.answer()
    assert answer.one("transfer-encoding") is None and answer.body == known_bytes(5000)


def test_connection_close_is_honoured(connect):
    connection = connect()
    answer = connection.get("/echo/bytes?size=9", ("Connection", "close"))
    assert answer.one("connection").lower() == "close" and connection.closed_within(2)


def test_expect_100_continue_is_answered_before_the_body(connect):
    connection = connect()
    connection.send("POST /echo/sum HTTP/1.1\r\nHost: echo.example\r\nContent-Length: 5\r\n"
        "Expect: 100-continue\r\n\r\n")
    assert connection._until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
    connection.send(b"hello")
    assert json.loads(connection.answer("POST").body)["length"] == 5


def test_a_refused_request_with_expect_gets_no_100(connect):
    connection = connect()
    connection.send(f"POST /v1/orders/1 HTTP/1.1\r\nHost: {settings.HOST}\r\nContent-Length: 5\r\n"
        "Expect: 100-continue\r\n\r\n")
    answer = connection.answer("POST")
    assert answer.status == 401 and not answer.interim


def test_the_final_answer_follows_an_interim_one(connect):
    answer = connect().get("/echo/interim")
    assert answer.status == 200 and answer.body == b"after the hint\n"


def test_path_and_query_pass_unchanged(connect):
    target = "/echo/a%20b/c;d=1/sum?q=%00&x=a+b&x=c%20d&empty=&y=//"
    answer = connect().get(target)
    assert answer.status == 200
    assert json.loads(answer.body)["lines"][0] == f"GET {target} HTTP/1.1"


def test_a_path_is_forwarded_as_it_was_matched(connect):
    answer = connect().get("/other/../echo//a/%2e%2e/%73um?q=/../")
    assert answer.status == 200
    assert json.loads(answer.body)["lines"][0] == "GET /echo/sum?q=/../ HTTP/1.1"
    for path in ("/x%2F..%2Fecho/sum", "/x%5C../echo/sum", "/echo/..;v=1/sum"):
        assert connect().get(path).status == 400, path
    # As it is forwarded it is in no route, whatever it is without its parameters.
    assert connect().get("/other;/../echo;v=1/sum").status == 404


def test_hop_by_hop_fields_stop_at_the_gateway(connect):
    answer = connect().get("/echo/sum", ("Connection", "X-Private"), ("X-Private", "1"), ("Keep-Alive", "9"),
        ("Proxy-Connection", "x"), ("TE", "trailers"), ("X-Public", "2"))
    names = [line.split(":")[0].lower() for line in json.loads(answer.body)["lines"][1:]]
    assert "x-public" in names
    assert not {"x-private", "keep-alive", "proxy-connection"} & set(names)


SIZES = [0, 1, 1459, 1460, 1461, 65535, 1 << 20, 64 << 20]


@pytest.mark.asan
@pytest.mark.parametrize("size", SIZES)
def test_a_posted_body_arrives_whole(connect, size):
    connection, content = connect(timeout=60), known_bytes(size)
    seen = json.loads(connection.request("POST", "/patient/sum", body=content).body)
    assert (seen["length"], seen["sha256"]) == (size, hashlib.sha256(content).hexdigest())


@pytest.mark.asan
@pytest.mark.parametrize("size", SIZES)
def test_a_download_arrives_whole(connect, size):
    assert connect(timeout=60).get(f"/patient/bytes?size={size}").body == known_bytes(size)


@pytest.mark.parametrize("size", [65536, 8 << 20])
def test_a_body_can_be_echoed(connect, size):
    # Through origin.py, which reads the whole body before it answers: both directions in turn.
    content = known_bytes(size)
    assert connect(timeout=60).request("POST", "/patient/mirror", body=content).body == content


def test_a_file_of_nginx_arrives_whole(bed, connect):
    path = bed.make_file("whole.bin", 5_000_000)
    answer = orders(connect(), "/v1/orders/files/whole.bin")
    with open(path, "rb") as f:
        assert answer.body == f.read()


def test_a_slow_reader_holds_few_mbufs_and_nobody_up(gateway, connect):
    total = gateway.stats().worker("mbufs_total")
    slow = [connect(rcvbuf=8192, timeout=60) for _ in range(8)]
    for connection in slow:
        connection.request("GET", f"/patient/bytes?size={16 << 20}", read=False)
    time.sleep(2)
    pinned = total - gateway.stats().worker("mbufs_free")
    # 8 readers that take nothing: their buffers are bounded, 128 MiB of answers are not in memory.
    assert pinned < total // 2, f"{pinned} of {total} mbufs are held"
    assert orders(connect()).status == 200
    got = slow[0].sleep_reading(1, 1 << 20)
    assert got > 0, "the slow answer goes on when it is read"
    for connection in slow[1:]:
        connection.close()
    assert slow[0]._until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_many_readers_that_take_nothing_do_not_keep_others_out(bed, gateway, connect):
    bed.make_file("wanted.bin", 5_000_000)
    given_up = gateway.stats().reason("client_too_slow")
    for _ in range(300):
        try:
            connect(rcvbuf=4096, timeout=3).request("GET", "/v1/orders/files/wanted.bin",
                [("X-API-Key", settings.GLOBEX_KEY)], host=settings.HOST, read=False)
        except OSError:
            break  # the pool is at its guard
    wait_for(lambda: gateway.stats().reason("client_too_slow") > given_up, 20, "the first of them to be given up")

    def served():
        with contextlib.suppress(OSError, Closed):
            return orders(connect(timeout=5)).status == 200
    wait_for(served, 20, "an answer for a new client")
    # The others go on reading nothing, and there is room for all who come.
    assert sum(bool(served()) for _ in range(10)) >= 9
    # While the readers are held to their rate the pool swings about its guard, at a tenth.
    wait_for(lambda: gateway.stats().worker("mbufs_free") > settings.MBUFS // 10, 20, "a pool above its guard")


def test_a_client_that_leaves_frees_its_mbufs(gateway, connect):
    # Idle connections to backends hold none; what remains after a moment would be a leak.
    def held():
        stats = gateway.stats()
        return stats.worker("mbufs_total") - stats.worker("mbufs_free")
    before = held()
    for _ in range(20):
        connection = connect(rcvbuf=8192)
        connection.request("GET", f"/patient/bytes?size={4 << 20}", read=False)
        time.sleep(0.02)
        connection.close()
    end = time.monotonic() + 10
    while held() > before + 200 and time.monotonic() < end:
        time.sleep(0.2)
    assert held() <= before + 200


def test_a_connection_that_breaks_off_is_seen_by_the_client(connect):
    with pytest.raises(Closed) as caught:
        connect().get("/echo/hangup?size=5000")
    partial = caught.value.partial
    # The gateway resets the connection, and a reset may take even the head from a kernel's buffer.
    if not isinstance(partial, bytes):
        assert known_bytes(5000).startswith(partial.body)
