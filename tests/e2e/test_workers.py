# SPDX-License-Identifier: Apache-2.0
"""Two workers: packets that arrive where their connection is not are handed over, limits and shares hold for
both together."""
import collections
import hashlib
import json
import time

import pytest

import settings
from bed import GATEWAY_CPU, OTHER_CPU

KEY = ("X-API-Key", settings.GLOBEX_KEY)
# One queue for each worker. The kernel spreads af_packet's flows over them by a hash of its own, which has
# nothing to do with whose they are; af_xdp gets everything in its first queue, see Bed.set_queues(); memif gets
# the frames in turns.
DEVICES = {"af_packet": "auto:{}",
    "af_xdp": "net_af_xdp_{0},iface={0},start_queue=0,queue_count=2,force_copy=1,busy_budget=0", "memif": None}


@pytest.fixture(params=DEVICES)
def two(request, bed, gateway):
    bed.stop("control")
    bed.stop("dataplane")
    if request.param == "af_xdp":
        gateway.preload = "tests/bed/channels.so"
        bed.set_queues(2)
    elif request.param == "memif":
        bed.start_bridge(gateway.build, "alternate")
    gateway.write_config(settings.config(lcores=(OTHER_CPU, GATEWAY_CPU),
        device=DEVICES[request.param] or bed.memif_device()))
    gateway.start()
    gateway.device = request.param
    yield gateway
    bed.stop("control")
    bed.stop("dataplane")  # the next test begins with one worker
    if request.param == "af_xdp":
        gateway.preload = None
        bed.set_queues(1)
    elif request.param == "memif":
        bed.stop("bridge")


def orders(connection, target="/v1/orders/1", key=KEY):
    return connection.request("GET", target, [key], host=settings.HOST)


def by_worker(gateway, counter):
    return [worker[counter] for worker in gateway.ctl_json("stats", "--workers")["workers"]]


def test_both_workers_serve_and_share(two, bed, connect):
    log = bed.log_tail("dataplane", 200).rpartition("waiting for control")[2]
    assert log.count(f"driver net_{two.device}, ") == 2 and log.count(", 2 receive and 2 transmit queues") == 2, log
    resets = bed.resets()
    connections = [connect() for _ in range(20)]
    answers = [orders(connection) for _ in range(10) for connection in connections]
    assert [a.status for a in answers] == [200] * 200
    shares = collections.Counter(json.loads(a.body)["backend"] for a in answers)
    # Exact in each worker; each can be off by less than one round.
    assert all(abs(shares[name] - 20 * weight) <= 4 for name, weight in zip(("be1", "be2", "be3"), (5, 3, 2))), (
        shares, two.stats().tree["endpoints"])
    assert all(n > 0 for n in by_worker(two, "requests")), "the connections are with both"
    # Nobody can choose the queue of an answer on these ports: some of them came to the other worker.
    first, second = by_worker(two, "steered")
    if two.device == "af_xdp":
        # Each request of the second worker's and each answer to it came to the first.
        assert first > 2 * by_worker(two, "requests")[1] and second == 0
    elif two.device == "memif":
        assert min(first, second) > 0
    else:
        assert first + second > 0
    assert bed.resets() == resets
    # These ports promised nothing: no alarm.
    assert [port["missteered"] for port in two.stats().tree["ports"]] == [0, 0]
    assert two.ctl_json("status")["dataplane"]["alarms"] == []


def test_a_limit_holds_for_both_workers_together(two, connect):
    key = ("X-API-Key", settings.LIMITED["workers"])
    connections = [connect() for _ in range(10)]
    answers = [orders(connection, key=key).status for _ in range(4) for connection in connections]
    assert answers.count(200) == settings.HOURLY_BURST and answers.count(429) == 40 - settings.HOURLY_BURST
    counts = two.stats().consumers()["workers"]
    assert (counts["requests"], counts["limited"]) == (len(answers), answers.count(429))


def test_large_bodies_arrive_whole_over_both_workers(two, bed, connect):
    with open(bed.make_file("two.bin", 3_000_000), "rb") as f:
        digest = hashlib.sha256(f.read()).digest()
    for i in range(8):
        answer = orders(connect(tls=i % 2 == 1), "/v1/orders/files/two.bin")
        assert hashlib.sha256(answer.body).digest() == digest


def test_an_apply_reaches_both_workers_without_a_lost_request(two, load):
    with open(two.config, encoding="utf-8") as config:
        text = config.read()
    with load(3) as running:
        for weight in (1, 4, 5):
            two.apply(text.replace("weight = 5;", f"weight = {weight};"))
    assert running.lost() == 0 and running.result["requests"] > 100, running.result
    assert by_worker(two, "generation") == [4, 4]


def test_one_worker_checks_for_both(two, connect):
    with open(two.config, encoding="utf-8") as config:
        text = config.read()
    two.apply(text.replace('retry_after = "1s";', 'retry_after = "1s"; health: { path = "/x/status?code=503"; '
        'interval = "100ms"; };').replace("weight = 2; }", f'weight = 2; }}, {{ address = "{settings.ORIGIN}"; }}', 1))
    for _ in range(100):
        origin = two.stats().endpoint(settings.ORIGIN)
        if origin["down"]:
            break
        time.sleep(0.1)
    assert (origin["checked"], origin["down"]) == (1, 1), origin
    connections = [connect() for _ in range(8)]
    assert [orders(c).status for _ in range(11) for c in connections] == [200] * 88
    assert two.stats().endpoint(settings.ORIGIN)["requests"] == 0
    assert min(by_worker(two, "requests")) > 0
