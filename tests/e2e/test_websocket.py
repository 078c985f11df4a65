# SPDX-License-Identifier: Apache-2.0
"""WebSockets through the gateway, between a client and a server that are none of ours."""
import json
import os
import sys
import time

import pytest

import settings
from bed import BACKENDS, OTHER_CPU, OUTSIDE_IP

PORT = 8091
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "websocket.py")
SERVER = f"{BACKENDS['be1']}:{PORT}"


def config(weight=5):
    text = settings.config(weights=(weight, 3, 2))
    text = text.replace('{ path = "/v1/orders/*"', '{ path = "/v1/orders/socket"; backend = "sockets"; websocket = true; },\n'
        '      { path = "/v1/orders/*"', 1)
    return text.replace("backends = (", f'backends = (\n  {{ name = "sockets"; endpoints = ( {{ address = "{SERVER}"; }} ); }},', 1)


@pytest.fixture
def talk(bed, gateway, tmp_path):
    """talk(NAME, …) begins a conversation, and what it returns ends it and has what it came to."""
    gateway.apply(config())
    bed.spawn("sockets", "be1", sys.executable, PROGRAM, "serve", BACKENDS["be1"], str(PORT), cpu=OTHER_CPU)
    bed.wait_port("be1", BACKENDS["be1"], PORT, "sockets")

    def begin(name, url, *argv):
        stop = tmp_path / name
        process = bed.spawn(name, "client", sys.executable, PROGRAM, "talk", url, OUTSIDE_IP, str(stop), *argv,
            cpu=OTHER_CPU)

        def end():
            stop.touch()
            assert process.wait(30) == 0, bed.log_tail(name)
            bed.processes.pop(name)
            return json.loads(bed.log_tail(name, 1))
        return end
    yield begin
    bed.stop("sockets")
    gateway.apply(settings.config())


def until_open(gateway, count):
    for _ in range(100):
        if sum(worker["tunnels_open"] for worker in gateway.ctl_json("stats", "--workers")["workers"]) == count:
            return
        time.sleep(0.1)
    raise AssertionError("no WebSocket opened")


def test_one_is_held_over_a_hundred_applies(gateway, talk):
    end = talk("talk", f"ws://{settings.HOST}/v1/orders/socket", "--key", settings.GLOBEX_KEY)
    until_open(gateway, 1)
    before = gateway.stats().endpoint(SERVER)["requests"]
    for i in range(100):
        gateway.apply(config(weight=1 + i % 5))
    told = end()
    until_open(gateway, 0)
    assert told["code"] == 1000 and told["messages"] > 100, told
    assert gateway.stats().endpoint(SERVER)["requests"] == before == 1


def test_over_tls(gateway, talk):
    end = talk("tls", f"wss://{settings.HOST}/v1/orders/socket", "--key", settings.GLOBEX_KEY, "--ca",
        os.path.join(gateway.dir, "tls", "demo.pem"))
    until_open(gateway, 1)
    time.sleep(1)
    told = end()
    assert told["code"] == 1000 and told["messages"] > 5, told


def test_it_takes_a_key(bed, gateway, talk):
    end = talk("refused", f"ws://{settings.HOST}/v1/orders/socket")
    with pytest.raises(AssertionError, match="HTTP 401"):
        end()
    bed.processes.pop("refused")
