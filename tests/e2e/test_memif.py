# SPDX-License-Identifier: Apache-2.0
"""Two workers on memif ports, where tests/bed/memif_bridge.c chooses the queue of each frame, wrongly on purpose.
With tests/bed/rss_claim.c the ports say that they spread by RSS, which the bridge then does, or does not."""
import json
import signal

import pytest

import settings
from bed import GATEWAY_CPU, OTHER_CPU, OUTSIDE_IP, OUTSIDE_IP6, wait_for
from links import exchange, stop
from origin import known_bytes

MIB = 1 << 20
KEY = ("X-API-Key", settings.GLOBEX_KEY)


@pytest.fixture
def memif(request, bed, gateway):
    """The gateway behind the bridge. @param request.param  how the bridge steers"""
    stop(bed)
    gateway.steer = request.param
    bed.start_bridge(gateway.build, gateway.steer)
    gateway.preload = "tests/bed/rss_claim.so" if "rss" in gateway.steer else None
    gateway.write_config(settings.config(lcores=(OTHER_CPU, GATEWAY_CPU), device=bed.memif_device(), patience=20))
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.preload = None
        stop(bed)  # the next test begins with one worker
        bed.stop("bridge")


def workers(gateway, counter):
    return [worker[counter] for worker in gateway.ctl_json("stats", "--workers")["workers"]]


def missteered(gateway):
    return [port["missteered"] for port in gateway.stats().tree["ports"]]


def log_since_start(bed):
    return bed.log_tail("dataplane", 200).rpartition("waiting for control")[2]


def start_two_workers(bed, gateway, more=""):
    """As far as it comes."""
    gateway.write_config(settings.config(lcores=(OTHER_CPU, GATEWAY_CPU), device=bed.memif_device() + more))
    gateway.start_dataplane()
    gateway.start_control()


def test_a_client_without_its_server_is_told_of(bed, gateway):
    stop(bed)
    start_two_workers(bed, gateway)
    refusal = f"port outside ({bed.memif_device().format('sl-out')}) does not start: refused by its driver"
    wait_for(lambda: refusal in bed.log_tail("control"), 20, "the refusal in control's log")
    log = log_since_start(bed)
    assert "Failed to connect socket" in log and "does not start: its driver says why, before this line" in log
    stop(bed)


# Its client may bring fewer queues than there are workers, and the driver would write where it should not.
def test_several_workers_are_no_server(bed, gateway):
    stop(bed)
    start_two_workers(bed, gateway, ",role=server")
    reason = "with 2 workers a memif must be the client (role=client)"
    wait_for(lambda: reason in log_since_start(bed), 20, "the reason in the dataplane's log")
    wait_for(lambda: "does not start: Invalid argument" in bed.log_tail("control"), 20, "the refusal in control's log")
    stop(bed)


def test_a_server_with_too_few_queues_gets_no_link(bed, gateway):
    stop(bed)
    bed.start_bridge(gateway.build, "first", queues=1)
    try:
        start_two_workers(bed, gateway)
        wait_for(lambda: "generation 1 runs" in log_since_start(bed), 20, "the gateway's start")
        with pytest.raises(OSError):
            bed.connect("client", OUTSIDE_IP, 80, timeout=3)
        log = log_since_start(bed)
        assert log.count("which must have 2 queues in each direction") == 2 and "the link is up" not in log
    finally:
        stop(bed)
        bed.stop("bridge")


@pytest.mark.parametrize("memif", ["first", "alternate"], indirect=True)
def test_bodies_pass_whatever_queue_their_segments_come_to(bed, memif):
    assert log_since_start(bed).count("workers get their segments by handing them over") == 2
    content, resets = known_bytes(20 * MIB), bed.resets()
    for to, path in ((OUTSIDE_IP, "/patient"), (OUTSIDE_IP6, "/six"), (OUTSIDE_IP, "/six"), (OUTSIDE_IP6, "/patient")):
        for _ in range(2):
            assert exchange(bed, to, f"{path}/bytes?size={len(content)}") == content
            assert exchange(bed, to, f"{path}/mirror", content) == content
    assert bed.resets() == resets and missteered(memif) == [0, 0]
    first, second = workers(memif, "steered")
    # The whole of some connection, or half of each one's segments.
    assert first > 1000 and (second == 0 if memif.steer == "first" else second > 1000)


@pytest.mark.parametrize("memif", ["alternate"], indirect=True)
@pytest.mark.parametrize("family", ["-4", "-6"])
def test_curl_and_wrk_are_served_by_both_workers(bed, memif, load, family):
    to = OUTSIDE_IP if family == "-4" else f"[{OUTSIDE_IP6}]"
    for scheme in ("http", "https"):
        done = bed.run("client", "curl", family, "-gsS", "--cacert", memif.certificate, "--connect-to",
            f"{settings.HOST}::{to}:", "-H", ": ".join(KEY), f"{scheme}://{settings.HOST}/v1/orders/six/1")
        assert json.loads(done.stdout)["backend"].startswith("be")
    with load(3, url=f"http://{to}") as running:
        pass
    assert running.lost() == 0 and running.result["requests"] > 0, running.result
    assert min(workers(memif, "requests")) > 0 and min(workers(memif, "steered")) > 0


def ask_all(connections):
    answers = [c.request("GET", f"/v1/orders/{path}1", [KEY], host=settings.HOST).status
        for c in connections for path in ("", "six/")]
    assert answers == [200] * len(answers)


@pytest.mark.parametrize("memif", ["not-rss"], indirect=True)
def test_rss_that_lies_raises_an_alarm_until_it_is_right(bed, memif, connect):
    assert log_since_start(bed).count("workers get their segments by the port's RSS") == 2
    resets = bed.resets()
    connections = [connect(to=to) for to in (OUTSIDE_IP, OUTSIDE_IP6) for _ in range(8)]

    def alarms():
        ask_all(connections)
        return memif.ctl_json("status")["dataplane"]["alarms"]
    # Judged every 5 s. Each request and each answer to it came to the wrong worker.
    wait_for(lambda: len(alarms()) == 2, 20, "an alarm of both ports")
    assert all("RSS brings packets to wrong workers" in text for text in alarms())
    assert log_since_start(bed).count("came to another queue than RSS tells") == 2

    def all_missteered():
        stats = memif.stats()
        return sum(port["missteered"] for port in stats.tree["ports"]) == stats.worker("steered")
    wait_for(all_missteered, 5, "equal counts on a quiet wire")
    wrong = missteered(memif)
    assert min(wrong) > 16 and min(workers(memif, "steered")) > 0

    bed.processes["bridge"].send_signal(signal.SIGUSR1)
    # From now on clients' connections and those to backends are all where they belong.
    wait_for(lambda: not alarms(), 20, "the alarms' end")
    assert log_since_start(bed).count("packets come to their queues again") == 2
    settled = missteered(memif), workers(memif, "steered")
    for connection in connections:
        connection.close()
    ask_all([connect(to=to) for to in (OUTSIDE_IP, OUTSIDE_IP6) for _ in range(8)])
    assert (missteered(memif), workers(memif, "steered")) == settled
    assert bed.resets() == resets
