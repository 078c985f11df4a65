# SPDX-License-Identifier: Apache-2.0
"""What an operator is told: explain, the access log, statistics that add up."""
import json
import os
import re
import subprocess

import pytest

import settings
from bed import wait_for
from stopped_jobs import Jobs

URL = f"GET http://{settings.HOST}"

# Request line, key, and what both explain and the gateway itself must say.
DECISIONS = [
    ("/v1/orders/1", settings.GLOBEX_KEY, "proxied", 200),
    ("/v1/orders/1", None, "key_missing", 401),
    ("/v1/orders/1", settings.UNKNOWN_KEY, "key_unknown", 401),
    ("/v1/orders/1", settings.EXPIRED_KEY, "key_expired", 401),
    ("/v1/catalog/1", settings.ACME_KEY, "api_not_in_plan", 403),
    ("/v3/orders", settings.GLOBEX_KEY, "route_unknown", 404),
]


@pytest.mark.parametrize("path,key,reason,status", DECISIONS, ids=[d[2] for d in DECISIONS])
def test_explain_says_what_the_gateway_does(gateway, connect, path, key, reason, status):
    explained = gateway.ctl_json("explain", URL + path, *(["--key", key] if key else []))
    assert explained["reason"] == reason
    before = gateway.stats().reason(reason)
    assert connect().get(path, *([("X-API-Key", key)] if key else []), host=settings.HOST).status == status
    assert gateway.stats().reason(reason) == before + 1


def test_workers_ask_control_and_status_tells_how_long_it_takes(gateway):
    def answered():
        workers = gateway.ctl_json("status")["dataplane"]["workers"]
        return all(w["control_connected"] and w["control_rtt_us"] and w["asks_answered"] for w in workers) and workers
    wait_for(answered, 10, "answers to all workers")
    assert re.search(r"control answers its workers in \d+ (to \d+ )?µs", gateway.ctl("status"))


def test_explain_takes_nothing_from_a_limit(gateway):
    name = "reload"
    before = gateway.stats().consumers()[name]["requests"]
    gateway.ctl("explain", URL + "/v1/orders/1", "--key", settings.LIMITED[name])
    assert gateway.stats().consumers()[name]["requests"] == before


def test_the_access_log_tells_each_request_and_no_key(gateway, connect):
    marker = "/v1/orders/access-log-marker"
    connect().get(marker + "?secret=1", ("X-API-Key", settings.GLOBEX_KEY), host=settings.HOST)

    def line():
        with open(gateway.access_log, encoding="utf-8") as f:
            return [json.loads(text) for text in f if marker in text]
    record = wait_for(line, 5, "the request's line in the access log")[0]
    assert (record["method"], record["status"], record["reason"]) == ("GET", 200, "proxied")
    assert (record["api"], record["consumer"], record["path"]) == ("orders", "globex", marker)
    assert record["client"].startswith("10.71.0.2:") and record["endpoint"]
    with open(gateway.access_log, encoding="utf-8") as f:
        text = f.read()
    assert not re.search(r"ak_(live|test)_", text) and "secret" not in text


def test_an_apply_of_a_million_keys_holds_up_neither_the_log_nor_answers(gateway, bed, connect):
    keys = os.path.join(gateway.dir, "million.csv")
    with open(keys, "w", encoding="ascii") as f:
        f.writelines(f"globex,,k{i},{i:064x}\n" for i in range(1_000_000))
        f.write("globex,,last,no digest\n")  # so that all are read, and none reaches the dataplane
    other = os.path.join(gateway.dir, "million.conf")
    with open(other, "w", encoding="utf-8") as f:
        f.write(settings.config(extra=f'key_files = [ "{keys}" ];'))
    connection, rounds = connect(), 0

    def is_read():
        return (gateway.ctl_json("status")["control"]["under_way"] or {}).get("file") == other

    def logged(marker):
        with open(gateway.access_log, encoding="utf-8") as f:
            return marker in f.read()
    jobs = Jobs(bed.processes["control"].pid)  # the first round is before the file is read, however fast that goes
    with subprocess.Popen(gateway.ctl_argv("apply", other), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True) as apply:
        try:
            wait_for(is_read, 20, "the apply")
            while apply.poll() is None:
                marker = f"/v1/orders/meanwhile-{rounds}"
                before = gateway.stats().reason("proxied")
                assert connection.get(marker, ("X-API-Key", settings.GLOBEX_KEY), host=settings.HOST).status == 200
                wait_for(lambda marker=marker: logged(marker), 5, "the request's line")
                assert gateway.stats().reason("proxied") == before + 1
                rounds += is_read()  # all this happened before the file was read
                jobs.go_on()
        finally:
            jobs.go_on()
        output = apply.stdout.read()
    assert rounds and apply.returncode == 1
    assert "million.csv:1000001: the key's sha256 must be" in output


def test_statistics_by_api_and_endpoint_add_up(gateway, connect):
    before = gateway.stats()
    connection = connect()
    for _ in range(10):
        connection.get("/v1/orders/1", ("X-API-Key", settings.GLOBEX_KEY), host=settings.HOST)
    after = gateway.stats()
    def grown(read):
        return read(after) - read(before)
    assert grown(lambda s: s.apis()["orders"]["requests"]) == 10
    assert grown(lambda s: s.apis()["orders"]["status_2xx"]) == 10
    assert grown(lambda s: sum(s.endpoint(f"10.72.0.{n}:8080")["requests"] for n in (11, 12, 13))) == 10
    assert grown(lambda s: s.reason("proxied")) == 10


def test_logs_hold_no_key(gateway):
    for name in ("dataplane", "control"):
        assert not re.search(r"ak_(live|test)_[A-Za-z0-9]{32}", gateway.bed.log_tail(name, 100000))


def test_the_start_tells_what_each_port_does_by_itself(bed, gateway):
    with open(bed.log_path("dataplane"), encoding="utf-8") as log:
        text = log.read().rpartition("waiting for control")[2]  # this start, not those on other ports
    for port in (0, 1):
        by = "(port|software)"
        told = re.findall(f"port {port}: sums of received packets by {by}, of sent IPv4 by {by}, of sent TCP by {by}; "
            "(sends chains|sends one mbuf a packet)", text)
        # The bed's ports are packet sockets of one kind or the other, which sum nothing.
        assert told and all(line[:3] == ("software",) * 3 for line in told)
        assert re.search(rf"port {port} is \S+: driver \S+, MAC \S+, MTU 1500, 1 receive and 1 transmit queues", text)
