# SPDX-License-Identifier: Apache-2.0
"""Requests that are tried again: nginx at one endpoint, at the other what fails in each way; and the budget of two
workers."""
import json

import pytest

import settings
from bed import GATEWAY_CPU, OTHER_CPU

REQUESTS = 12


def api(gateway, counter):
    return next(a for a in gateway.ctl_json("stats", "--apis")["apis"] if a["name"] == "echo")[counter]


@pytest.mark.parametrize("what", ["reset", "hangup", "status?code=503", "wait?ms=3000", "unavailable"])
def test_another_backend_responds_to_what_failed(gateway, connect, what):
    connection = connect(timeout=30)
    before = api(gateway, "retries")
    answers = [connection.get(f"/retry/{what}") for _ in range(REQUESTS)]
    assert [a.status for a in answers] == [200] * REQUESTS
    # In turns: half of them met the endpoint that fails first.
    assert api(gateway, "retries") - before >= REQUESTS // 2 - 1


def test_a_body_is_sent_again(gateway, connect):
    body = bytes(range(256)) * 200
    before = api(gateway, "retries")
    # A connection each: nginx responds before it has read the body, and then the client's is closed.
    answers = [connect().request("PUT", "/retry/reset", body=body) for _ in range(REQUESTS)]
    assert [a.status for a in answers] == [200] * REQUESTS
    assert {json.loads(a.body)["length"] for a in answers} == {str(len(body))}
    assert api(gateway, "retries") - before >= REQUESTS // 2 - 1


def test_a_post_is_sent_once(gateway, connect):
    before = api(gateway, "retries")
    statuses = [connect().request("POST", "/retry/reset", body=b"once").status for _ in range(REQUESTS)]
    assert set(statuses) == {200, 502} and api(gateway, "retries") == before


def test_a_closed_port_is_passed_over(gateway, connect):
    connection = connect()
    assert [connection.get("/half/status?code=200").status for _ in range(REQUESTS)] == [200] * REQUESTS


def test_a_budget_is_that_of_both_workers(bed, gateway, connect):
    bed.stop("control")
    bed.stop("dataplane")
    gateway.write_config(settings.config(lcores=(OTHER_CPU, GATEWAY_CPU)))
    gateway.start()
    try:
        connections = [connect() for _ in range(10)]
        answers = [c.get("/budget/status?code=503").status for _ in range(20) for c in connections]
        assert answers == [503] * 200
        workers = gateway.ctl_json("stats", "--workers")["workers"]
        assert all(w["requests"] > 0 for w in workers), "the connections are with both"
        retries, empty = api(gateway, "retries"), api(gateway, "retry_budget_empty")
        # A fifth of them; where the run took several windows, beside the ten that needed no requests in the first.
        assert 10 <= retries <= 50 and retries + empty == 200
    finally:
        bed.stop("control")
        bed.stop("dataplane")  # the next test begins with one worker
