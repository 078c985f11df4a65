# SPDX-License-Identifier: Apache-2.0
"""A SYN flood at the rate that a core sends, and a client that goes on."""
import contextlib
import json
import os
import subprocess
import time

import pytest

import peer
from bed import OTHER_CPU, OUTSIDE_IP

SECONDS = 8
SIZE = 3000
SERVED = 0.95


def _request(bed, seed):
    try:
        with bed.connect("client", OUTSIDE_IP, 80, timeout=10) as sock:
            return peer.download(sock, SIZE, seed) == peer.digest(SIZE, seed)
    except OSError:
        return False


def _mac_of_gateway(bed):
    for line in bed.ip("client", "neigh", "show", OUTSIDE_IP).stdout.splitlines():
        words = line.split()
        if "lladdr" in words:
            return words[words.index("lladdr") + 1]
    raise AssertionError("the kernel does not know the gateway's address")


@contextlib.contextmanager
def _flood(bed, gateway, seed, seconds):
    """A flood of so many seconds, or as long as the block takes."""
    # From within the wire: no queue of the client's is filled. Its SYN-ACKs go to the client, as to a router.
    assert _request(bed, seed)
    flood = subprocess.Popen(bed.argv("out", os.path.join(gateway.build, "tests", "bed", "flood"), "gw",
        _mac_of_gateway(bed), OUTSIDE_IP, "80", str(seconds), str(seed), cpu=OTHER_CPU),
        stdout=subprocess.PIPE, text=True)
    try:
        yield flood
    finally:
        flood.terminate()
        print({"flood": json.loads(flood.communicate()[0])})


def _moved(gateway, before):
    after = gateway.stats()
    return {name: after.tcp(name) - before.tcp(name) for name in before.tree["tcp"]}


@pytest.mark.short
def test_a_client_is_served_during_a_syn_flood(bed, gateway, seed):
    before, results = gateway.stats(), []
    with _flood(bed, gateway, seed, SECONDS) as flood:
        time.sleep(0.5)
        while flood.poll() is None:
            results.append(_request(bed, seed))
    moved = _moved(gateway, before)
    print({"requests": len(results), "served": sum(results), "tcp": {name: n for name, n in moved.items() if n}})
    assert moved["syns_in"] > 10 * len(results), "the flood did not reach the gateway"
    assert sum(results) >= SERVED * len(results), f"{sum(results)} of {len(results)} requests served"
    gateway.check_alive()


@pytest.mark.short
def test_uploads_survive_disorder_while_cookies_are_in_use(bed, gateway, transfer, seed):
    """The half-open connections of a flood stay for a minute. Of an upload's first segments some overtake
    the ACK with the cookie."""
    with _flood(bed, gateway, seed, 1) as flood:
        flood.wait()
    bed.start_path("out", gateway.build, seed=seed, reorder=100000, late_us=2000, delay_us=1000)
    before = gateway.stats()
    for _ in range(10):
        transfer("upload", 100_000)
    assert _moved(gateway, before)["syn_cookies_in"] > 0, "the cache has room again"
    assert gateway.stats().drop("tcp_before_cookie") > before.drop("tcp_before_cookie")
