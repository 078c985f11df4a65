# SPDX-License-Identifier: Apache-2.0
"""Consumers and endpoints come and go by command, with two workers: what a command changed holds for both when it returns."""
import json
import signal
import time

import pytest

import settings
from bed import BACKENDS, BACKEND_PORT, GATEWAY_CPU, OTHER_CPU, run, wait_for

BE1, BE2, BE3 = (f"{BACKENDS[role]}:{BACKEND_PORT}" for role in ("be1", "be2", "be3"))


def config(weight=5):
    """Without BE3 among the endpoints of orders."""
    return settings.config(weights=(weight, 3, 0), lcores=(OTHER_CPU, GATEWAY_CPU), patience=20)


@pytest.fixture
def two(bed, gateway):
    bed.stop("control")
    bed.stop("dataplane")
    gateway.write_config(config())
    gateway.start()
    yield gateway
    if gateway.ctl_json("changes")["changes"]:
        gateway.ctl("changes", "forget", "all")
    bed.stop("control")
    bed.stop("dataplane")  # the next test begins with one worker


def orders(connection, key=settings.GLOBEX_KEY):
    return connection.get("/v1/orders/1", ("X-API-Key", key), host=settings.HOST)


def by_worker(gateway, counter):
    return [worker[counter] for worker in gateway.ctl_json("stats", "--workers")["workers"]]


def connect_to_both(gateway, connect):
    """Connections of which each worker has some."""
    before, connections = by_worker(gateway, "requests"), [connect() for _ in range(20)]
    for connection in connections:
        assert orders(connection).status == 200
    assert all(now > was for now, was in zip(by_worker(gateway, "requests"), before)), "they are with both workers"
    return connections


def statuses(connections, key):
    return [orders(connection, key).status for connection in connections]


def chosen(connections):
    return {json.loads(orders(c).body)["backend"] for c in connections for _ in range(5)}


def test_a_consumer_is_known_and_unknown_to_both_workers(two, connect):
    connections = connect_to_both(two, connect)
    assert "2 workers act on it" in two.ctl("consumer", "add", "fresh", "--plan", "gold")
    key = two.ctl("key", "add", "fresh", "k1").split()[0]
    assert statuses(connections, key) == [200] * 20
    # The plan's limit is another one from the command's return on.
    assert "2 workers act on it" in two.ctl("consumer", "plan", "fresh", "hourly")
    answers = statuses(connections * 2, key)
    assert answers.count(429) >= 40 - settings.HOURLY_BURST and answers.count(200) <= settings.HOURLY_BURST
    counts = two.stats().consumers()["fresh"]
    assert (counts["plan"], counts["requests"], counts["limited"]) == ("hourly", 60, answers.count(429))
    assert "2 workers act on it" in two.ctl("consumer", "remove", "fresh")
    assert statuses(connections, key) == [401] * 20
    assert two.ctl_json("explain", f"GET http://{settings.HOST}/v1/orders/1", "--key", key)["reason"] == "key_unknown"
    assert "fresh" not in two.stats().consumers()
    assert statuses(connections, settings.GLOBEX_KEY) == [200] * 20, "the others are where they were"


def test_a_consumer_of_the_file_is_removed_and_comes_back_with_it(two, connect):
    connections = connect_to_both(two, connect)
    two.ctl("consumer", "remove", "globex")
    assert statuses(connections, settings.GLOBEX_KEY) == [401] * 20
    two.ctl("changes", "forget", "all")
    assert statuses(connections, settings.GLOBEX_KEY) == [200] * 20


def test_an_endpoint_gets_requests_and_no_more(two, connect):
    connections = connect_to_both(two, connect)
    assert chosen(connections) == {"be1", "be2"}
    assert "2 workers act on it" in two.ctl("endpoint", "add", "orders", BE3, "--weight", "4")
    assert chosen(connections) == {"be1", "be2", "be3"}
    row = next(b for b in two.ctl_json("stats", "--backends")["backends"] if b["name"] == "orders")["endpoints"][2]
    assert (row["name"], row["weight"]) == (BE3, 4) and row["requests"] > 0
    two.ctl("endpoint", "remove", "orders", BE1)
    assert chosen(connections) == {"be2", "be3"}
    two.ctl("endpoint", "remove", "orders", BE3)
    assert chosen(connections) == {"be2"}


def open_connections(bed, port):
    """Of the gateway with be1's server on a port."""
    return len(run(bed.argv("be1", "ss", "-tnH", "state", "established", f"sport = :{port}")).stdout.splitlines())


def test_a_removed_endpoint_finishes_its_request_and_loses_its_connections(bed, two, connect):
    two.ctl("endpoint", "add", "origin", BE2, "--weight", "0")
    connections = connect_to_both(two, connect)
    for connection in connections:
        assert connection.get("/patient/now", host=settings.ECHO_HOST).status == 200
    slow = connect()
    slow.request("GET", "/patient/stop?ms=1500&size=100000", read=False)
    time.sleep(0.5)  # it is under way
    assert open_connections(bed, settings.ORIGIN_PORT) > 1
    two.ctl("endpoint", "remove", "origin", settings.ORIGIN)
    assert len(slow.answer().body) == 100000
    wait_for(lambda: open_connections(bed, settings.ORIGIN_PORT) == 0, 5, "the end of its connections")


def test_changes_under_load_lose_no_request(two, load):
    with load(6) as running:
        for i in range(4):
            two.ctl("endpoint", "add", "orders", BE3, "--weight", "9")
            two.ctl("consumer", "add", f"spare{i}", "--plan", "gold")
            two.ctl("key", "add", f"spare{i}", "k1")
            two.ctl("endpoint", "remove", "orders", BE1)
            two.ctl("consumer", "plan", f"spare{i}", "bronze")
            two.ctl("endpoint", "add", "orders", BE1, "--weight", "5")
            two.ctl("consumer", "remove", f"spare{i}")
            two.ctl("endpoint", "remove", "orders", BE3)
    assert running.lost() == 0 and running.result["requests"] > 500, running.result


def test_they_outlive_applies_and_both_processes(bed, two, connect):
    two.ctl("consumer", "add", "fresh", "--plan", "gold")
    key = two.ctl("key", "add", "fresh", "k1").split()[0]
    two.ctl("consumer", "remove", "scanned")
    two.ctl("endpoint", "add", "orders", BE3, "--weight", "9")
    two.ctl("endpoint", "remove", "orders", BE2)

    def holds():
        connections = [connect() for _ in range(10)]
        assert statuses(connections, key) == [200] * 10
        assert chosen(connections) == {"be1", "be3"}
        assert "scanned" not in two.stats().consumers()
    holds()
    two.apply(config(4))
    holds()
    bed.stop("dataplane", signal.SIGKILL)
    two.start_dataplane()
    two.wait_serving()
    holds()
    bed.stop("control", signal.SIGKILL)
    two.start_control()
    two.wait_attached()
    holds()
