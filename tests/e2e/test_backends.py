# SPDX-License-Identifier: Apache-2.0
"""Backends that are gone, slow or wrong."""
import json
import time

import pytest

import settings
from bed import BACKEND_PORT, BACKENDS
from origin import known_bytes

KEY = ("X-API-Key", settings.GLOBEX_KEY)


def orders(connection):
    return connection.get("/v1/orders/1", KEY, host=settings.HOST)


def test_with_one_backend_down_the_others_serve(bed, gateway, connect):
    connection = connect()
    assert orders(connection).status == 200
    bed.stop("be2")
    answers = [orders(connection) for _ in range(40)]
    assert [a.status for a in answers] == [200] * 40, "a refused connection is no reason to fail"
    assert {json.loads(a.body)["backend"] for a in answers} == {"be1", "be3"}
    bed.start_backend("be2")
    time.sleep(2.5)
    assert "be2" in {json.loads(orders(connection).body)["backend"] for _ in range(40)}, "it is asked again"


def test_with_all_backends_down_the_answer_is_502_or_503(bed, gateway, connect):
    connection = connect()
    for role in BACKENDS:
        bed.stop(role)
    statuses = {orders(connection).status for _ in range(10)}
    assert statuses <= {502, 503}, statuses
    for role in BACKENDS:
        bed.start_backend(role)
    time.sleep(2.5)
    assert orders(connection).status == 200


def test_a_backend_that_refuses_is_502_or_503(connect):
    assert connect().get("/refusing/x").status in (502, 503)


def test_a_backend_that_is_not_there_is_an_error_in_time(connect):
    start = time.monotonic()
    assert connect().get("/absent/x").status in (502, 503, 504)
    assert time.monotonic() - start < 4


def test_a_late_answer_is_504(connect):
    connection = connect()
    start = time.monotonic()
    assert connection.get("/echo/wait?ms=4000").status == 504
    assert settings.ROUTE_TIMEOUT * 0.8 < time.monotonic() - start < settings.ROUTE_TIMEOUT + 1
    # The late answer belongs to nobody; above all not to the next request.
    connection = connect()
    for _ in range(4):
        assert connection.get("/patient/wait?ms=900").body == b"late\n"
        assert connection.get("/echo/bytes?size=7").body == known_bytes(7)


def test_an_answer_in_time_is_waited_for(connect):
    assert connect().get("/echo/wait?ms=500").body == b"late\n"


@pytest.mark.asan
@pytest.mark.parametrize("what", ["hangup", "reset", "garbage"])
def test_no_proper_answer_is_502(connect, what):
    answer = connect().get(f"/echo/{what}")
    assert answer.status == 502, answer


@pytest.mark.asan
def test_a_pooled_connection_that_closed_is_not_the_clients_problem(connect):
    connection = connect()
    for _ in range(20):
        assert connection.get("/echo/once").body == b"once\n"
        time.sleep(0.01)


def test_backend_connections_are_reused(gateway, connect):
    before = gateway.stats().endpoint(settings.ORIGIN)
    connection = connect()
    for _ in range(20):
        connection.get("/echo/bytes?size=1")
    after = gateway.stats().endpoint(settings.ORIGIN)
    assert after["requests"] - before["requests"] == 20
    assert after["connects"] - before["connects"] <= 1


def test_a_pause_in_an_answer_is_bridged(connect):
    assert len(connect().get("/patient/stop?ms=1500&size=100000").body) == 100000


@pytest.fixture
def checked(gateway):
    """Apply a configuration whose orders come from three backends of nginx and one of origin.py, which are checked.
    nginx answers 200 to any path, origin.py with the status that it is asked for."""
    text = settings.config()
    yield lambda code, type="http": gateway.apply(text.replace('retry_after = "1s";', 'retry_after = "1s"; health: '
        + (f'{{ path = "/x/status?code={code}"; ' if type == "http" else '{ type = "tcp"; ')
        + 'interval = "100ms"; jitter = "20ms"; };').replace("weight = 2; }",
        f'weight = 2; }}, {{ address = "{settings.ORIGIN}"; weight = 5; }}', 1))
    gateway.apply(text)


def until(gateway, endpoint, counter, value):
    """Wait until an endpoint's counter has a value."""
    for _ in range(100):
        if gateway.stats().endpoint(endpoint)[counter] == value:
            return
        time.sleep(0.1)
    raise AssertionError(gateway.stats().endpoint(endpoint))


def test_an_endpoint_that_says_it_is_ill_gets_nothing_until_it_is_well(gateway, bed, connect, checked):
    checked(503)
    until(gateway, settings.ORIGIN, "down", 1)
    before = gateway.stats().endpoint(settings.ORIGIN)["requests"]
    connection = connect()
    answers = [orders(connection) for _ in range(45)]
    assert [a.status for a in answers] == [200] * 45
    assert gateway.stats().endpoint(settings.ORIGIN)["requests"] == before
    told = gateway.ctl("stats", "--backends")
    assert f"{settings.ORIGIN}" in told and "down " in told, told
    assert f"endpoint {settings.ORIGIN} is down: its health checks fail by status 503" in bed.log_tail("control", 50)
    checked(204)
    until(gateway, settings.ORIGIN, "down", 0)
    connection = connect()
    statuses = [orders(connection).status for _ in range(45)]
    assert gateway.stats().endpoint(settings.ORIGIN)["requests"] == before + 15, statuses


def test_a_backend_that_stops_and_comes_back_is_found_by_its_checks(gateway, bed, connect, checked):
    checked(204, "tcp")
    bed.stop("be2")
    address = f"{BACKENDS['be2']}:{BACKEND_PORT}"
    until(gateway, address, "down", 1)
    bed.start_backend("be2")
    until(gateway, address, "down", 0)
    assert gateway.stats().endpoint(address)["check_failures"] >= 3
