# SPDX-License-Identifier: Apache-2.0
"""A second foreign stack, lwIP, as client and as backend: lwip.c relays what it says between the gateway and
peer.py. Its ways are not the kernel's: no SACK, no timestamps, no more than 64 KiB in flight, Reno."""
import concurrent.futures
import os

import pytest

import peer
from bed import BACKENDS, CLIENT_IP, OUTSIDE_IP
from conftest import BULK_PORT, LWIP_BACKEND, LWIP_CLIENT

MIB = 1 << 20
DIRECTIONS = ["download", "upload"]
RELAY_PORT = 8098
# Where lwIP is: what to connect to, and the path.
PLACES = {
    "client": ({"to": CLIENT_IP, "port": RELAY_PORT}, "/bulk/"),
    "backend": ({}, "/lwip/"),
    "both": ({"to": CLIENT_IP, "port": RELAY_PORT}, "/lwip/"),
}


@pytest.fixture(scope="module")
def lwip(bed, session_gateway):
    program = os.path.join(session_gateway.build, "tests", "bed", "lwip")
    if not os.path.exists(program):
        pytest.skip("liblwip-dev was not there when this was built")
    bed.spawn("lwip-client", "client", program, "eth0", LWIP_CLIENT, "out", str(RELAY_PORT), OUTSIDE_IP, "80")
    bed.spawn("lwip-backend", "be1", program, "eth0", LWIP_BACKEND, "in", str(BULK_PORT), BACKENDS["be1"],
        str(BULK_PORT))
    bed.wait_port("client", CLIENT_IP, RELAY_PORT, "lwip-client")
    bed.wait_port("be2", LWIP_BACKEND, BULK_PORT, "lwip-backend")
    yield
    assert bed.alive("lwip-client") and bed.alive("lwip-backend"), "lwIP died"
    bed.stop("lwip-client")
    bed.stop("lwip-backend")


def move(transfer, place, direction, size):
    way, path = PLACES[place]
    transfer(direction, size, path=path, **way)


@pytest.mark.short
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_content_arrives(lwip, transfer, direction, place):
    move(transfer, place, direction, 4 * MIB)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_much_content_arrives(lwip, transfer, direction, place):
    move(transfer, place, direction, 64 * MIB)


@pytest.mark.parametrize("percent", [0.1, 1, 5])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_content_survives_loss(lwip, bed, transfer, direction, place, percent):
    bed.lose("out", percent)
    bed.lose("in", percent)
    move(transfer, place, direction, int(MIB / percent / 2))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_content_survives_disorder(lwip, bed, gateway, transfer, seed, direction, place):
    for path in ("out", "in"):
        bed.start_path(path, gateway.build, seed=seed, reorder=5000, late_us=3000, repeat=1000, delay_us=1000)
    move(transfer, place, direction, 2 * MIB)


@pytest.mark.parametrize("place", PLACES)
def test_a_thousand_short_connections(lwip, bed, gateway, seed, place):
    way, path = PLACES[place]

    def one(number):
        try:
            with bed.connect("client", way.get("to", OUTSIDE_IP), way.get("port", 80), timeout=30) as sock:
                got = peer.download(sock, 3000, seed, path, "Connection: close\r\n")
                return None if got == peer.digest(3000, seed) else f"{number}: other content"
        except OSError as e:
            return f"{number}: {type(e).__name__}: {e}"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        failed = [f for f in pool.map(one, range(1000)) if f]
    assert not failed, f"{len(failed)} of 1000 failed: {failed[:10]}"
