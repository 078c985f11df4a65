# SPDX-License-Identifier: Apache-2.0
"""Changes of configuration, and processes that die."""
import json
import re
import signal
import time

import pytest

import settings
from bed import BACKENDS, BACKEND_PORT, INSIDE_IP, OUTSIDE_IP, BedError, run, wait_for
from sluice import CtlError

KEY = ("X-API-Key", settings.GLOBEX_KEY)


def orders(connection, key=settings.GLOBEX_KEY):
    return connection.get("/v1/orders/1", ("X-API-Key", key), host=settings.HOST)


def use_up(connection, name):
    """Spend a consumer's hourly budget. @return how many requests it admitted"""
    key, admitted = settings.LIMITED[name], 0
    while orders(connection, key).status == 200:
        admitted += 1
        assert admitted <= settings.HOURLY_BURST + 1
    return admitted


@pytest.mark.asan
def test_apply_under_load_loses_no_request(gateway, load):
    with load(5) as running:
        for i in range(8):
            time.sleep(0.4)
            gateway.apply(settings.config(weights=(5, 3, 2 + i % 2)))
    assert running.lost() == 0 and running.result["requests"] > 500, running.result


def test_new_weights_take_effect(gateway, connect):
    assert "runs on 1 worker\n" in gateway.apply(settings.config(weights=(0, 1, 0)))
    time.sleep(0.3)
    connection = connect()
    assert {json.loads(orders(connection).body)["backend"] for _ in range(20)} == {"be2"}


def test_a_new_listener_opens_and_closes(bed, gateway, connect):
    line = ', { name = "extra"; port = "outside"; bind = "10.71.0.1:8081"; }'
    gateway.apply(settings.config(listeners=line))
    time.sleep(0.3)
    assert orders(connect(port=8081)).status == 200
    gateway.apply(settings.config())
    time.sleep(0.3)
    with pytest.raises(OSError):
        connect(port=8081, timeout=2)


def test_a_bad_configuration_is_refused_with_its_line(gateway, connect):
    text = settings.config().replace('weight = 5', 'wieght = 5')
    line = text[:text.index("wieght")].count("\n") + 1
    with pytest.raises(CtlError) as caught:
        gateway.apply(text)
    assert f":{line}:" in caught.value.output and "weight" in caught.value.output
    assert orders(connect()).status == 200, "the old configuration serves on"


def test_check_says_the_same_without_applying(gateway):
    generation = gateway.stats().worker("generation")
    gateway.ctl("check", gateway.config)
    assert gateway.stats().worker("generation") == generation


def test_limits_survive_an_apply(gateway, connect):
    connection = connect()
    assert use_up(connection, "reload") >= settings.HOURLY_BURST
    gateway.apply(settings.config(weights=(1, 1, 1)))
    time.sleep(0.3)
    assert orders(connection, settings.LIMITED["reload"]).status == 429


def test_killing_control_under_load_loses_no_request(bed, gateway, connect, load):
    connection = connect()
    use_up(connection, "control")
    with load(6) as running:
        time.sleep(1)
        bed.stop("control", signal.SIGKILL)
        time.sleep(1)
        gateway.start_control()
        wait_for(lambda: gateway.ctl("status"), 20, "control's answer after its restart")
        time.sleep(0.5)
        gateway.apply(settings.config(weights=(3, 3, 4)))
    assert running.lost() == 0 and running.result["requests"] > 500, running.result
    assert orders(connect(), settings.LIMITED["control"]).status == 429, "limits were where they were"


def test_sluicectl_reads_statistics_without_control(bed, gateway):
    bed.stop("control", signal.SIGKILL)
    assert gateway.stats().worker("heartbeat_ns") > 0


def test_a_restarted_dataplane_serves_with_limits_where_they_were(bed, gateway, connect):
    connection = connect()
    use_up(connection, "restart")
    bed.stop("dataplane", signal.SIGKILL)

    def noticed():
        # Its exit status tells scripts that something is down; here the text counts.
        try:
            text = gateway.ctl("status", "--json")
        except CtlError as e:
            text = e.output
        return not json.loads(text)["control"]["attached"]
    wait_for(noticed, 10, "control's notice that the dataplane is gone")
    assert bed.alive("control"), "control lives on without its dataplane"
    gateway.start_dataplane()
    gateway.wait_serving()
    again = connect()
    assert orders(again).status == 200
    assert orders(again, settings.LIMITED["restart"]).status == 429


def test_sigterm_lets_the_request_under_way_finish(bed, gateway, connect):
    connection = connect()
    connection.request("GET", "/patient/stop?ms=800&size=100000", read=False)
    time.sleep(0.3)
    bed.processes["dataplane"].send_signal(signal.SIGTERM)
    assert len(connection.answer().body) == 100000
    try:
        assert bed.stop("dataplane") == 0
    except BedError as e:
        pytest.fail(str(e))


def established(bed, role):
    """Both ends of the kernel's open connections with the gateway."""
    lines = run(bed.argv(role, "ss", "-tnH", "state", "established")).stdout.splitlines()
    ends = [tuple(line.split()[2:4]) for line in lines]
    return {(own, peer) for own, peer in ends if peer.rpartition(":")[0] in (INSIDE_IP, OUTSIDE_IP)}


def test_at_the_end_nobody_is_left_with_half_a_connection(bed, gateway, connect):
    roles = ("be2", "client")
    killed = {role: established(bed, role) for role in roles}  # of a dataplane that was killed before

    def open_now(role):
        return established(bed, role) - killed[role]

    for connection in [connect() for _ in range(10)]:
        assert orders(connection).status == 200
    slow = connect()
    slow.request("GET", "/patient/stop?ms=60000&size=100000", read=False)
    time.sleep(0.3)
    assert all(open_now(role) for role in roles)
    bed.processes["dataplane"].send_signal(signal.SIGTERM)
    wait_for(lambda: not open_now("be2"), 5, "the end of idle connections to backends")
    assert len(open_now("client")) == 1, "the request under way may finish"
    bed.processes["dataplane"].send_signal(signal.SIGTERM)  # does not wait for it
    with pytest.raises(ConnectionResetError):
        while slow.sock.recv(65536):
            pass
    assert bed.stop("dataplane") == 0
    assert not any(open_now(role) for role in roles)


def test_what_cannot_fit_into_memory_is_refused_at_the_start(bed, gateway, connect):
    bed.stop("control")
    bed.stop("dataplane")
    mbufs = f"mbufs = {settings.MBUFS};"
    assert mbufs in settings.config()
    gateway.write_config(settings.config().replace(mbufs, "mbufs = 16777216; connections = 4194304;"))
    gateway.start_dataplane()
    gateway.start_control()

    def refusal():
        try:
            text = gateway.ctl("status", "--json")
        except CtlError as e:
            text = e.output
        control = json.loads(text)["control"] if text.startswith("{") else None
        return control and control["refusal"]
    wait_for(refusal, 20, "the dataplane's refusal")
    assert re.search(r"need \d+ MiB.*lower dataplane.connections or dataplane.mbufs", refusal())
    # Nothing was begun: what fits starts without a restart.
    gateway.apply(settings.config())
    gateway.wait_serving()
    assert orders(connect()).status == 200


@pytest.fixture
def changes(gateway):
    """Takes back what the test changed by command."""
    yield
    if gateway.ctl_json("changes")["changes"]:
        gateway.ctl("changes", "forget", "all")


def test_a_key_works_and_is_refused_when_the_command_returns(gateway, connect, changes):
    generation = gateway.stats().worker("generation")
    connection = connect()
    out = gateway.ctl("key", "add", "globex", "k2")
    key = out.split()[0]
    assert "key added: 1 worker acts on it" in out
    assert orders(connection, key).status == 200
    gateway.ctl("key", "revoke", "globex", "k2")
    assert orders(connection, key).status == 401
    gateway.ctl("key", "revoke", "globex", "k1")
    assert orders(connection).status == 401
    assert gateway.ctl_json("explain", f"GET http://{settings.HOST}/v1/orders/1", "--key",
        settings.GLOBEX_KEY)["reason"] == "key_unknown"
    assert gateway.stats().worker("generation") == generation, "without an apply"
    gateway.ctl("changes", "forget", "all")
    assert orders(connection).status == 200


BE1 = f"{BACKENDS['be1']}:{BACKEND_PORT}"


def backend_of(gateway, endpoint):
    """The name of the backend whose first endpoint it is."""
    return next(b["name"] for b in gateway.ctl_json("stats", "--backends")["backends"]
        if b["endpoints"][0]["name"] == endpoint)


def chosen(connection, requests=20):
    return {json.loads(orders(connection).body)["backend"] for _ in range(requests)}


def test_a_drained_endpoint_gets_no_request_from_the_commands_return_on(gateway, connect, changes):
    backend, connection = backend_of(gateway, BE1), connect()
    assert "be1" in chosen(connection)
    gateway.ctl("endpoint", "drain", backend, BE1)
    assert chosen(connection) == {"be2", "be3"}
    assert next(b for b in gateway.ctl_json("stats", "--backends")["backends"]
        if b["name"] == backend)["endpoints"][0]["weight"] == 0
    gateway.ctl("endpoint", "weight", backend, BE1, "1000")
    assert "be1" in chosen(connection)


def test_changes_under_load_lose_no_request(gateway, load, changes):
    backend = backend_of(gateway, BE1)
    with load(4) as running:
        for i in range(20):
            gateway.ctl("endpoint", "weight", backend, BE1, str(i % 7))
            gateway.ctl("key", "add", "acme", f"spare{i}")
    assert running.lost() == 0 and running.result["requests"] > 500, running.result


def test_changes_outlive_applies_and_both_processes(bed, gateway, connect, changes):
    gateway.ctl("key", "revoke", "globex", "k1")
    assert "1 change by command lies over it" in gateway.apply(settings.config(weights=(1, 1, 1)))
    assert orders(connect()).status == 401
    bed.stop("dataplane", signal.SIGKILL)
    gateway.start_dataplane()
    gateway.wait_serving()
    wait_for(lambda: orders(connect()).status == 401, 20, "the key to be refused")
    bed.stop("control", signal.SIGKILL)
    gateway.start_control()
    gateway.wait_attached()
    assert orders(connect()).status == 401
    gateway.ctl("changes", "forget", "all")
    assert orders(connect()).status == 200
