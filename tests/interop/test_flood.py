# SPDX-License-Identifier: Apache-2.0
"""A SYN flood at the rate that a core sends, and a client that goes on."""
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


@pytest.mark.short
def test_a_client_is_served_during_a_syn_flood(bed, gateway, seed):
    # From within the wire: no queue of the client's is filled. Its SYN-ACKs go to the client, as to a router.
    assert _request(bed, seed)
    before = gateway.stats()
    flood = subprocess.Popen(bed.argv("out", os.path.join(gateway.build, "tests", "bed", "flood"), "gw",
        _mac_of_gateway(bed), OUTSIDE_IP, "80", str(SECONDS), str(seed), cpu=OTHER_CPU),
        stdout=subprocess.PIPE, text=True)
    results = []
    try:
        time.sleep(0.5)
        while flood.poll() is None:
            results.append(_request(bed, seed))
    finally:
        flood.terminate()
        sent = json.loads(flood.communicate()[0])
    after = gateway.stats()
    moved = {name: after.tcp(name) - before.tcp(name) for name in before.tree["tcp"]}
    print({"flood": sent, "requests": len(results), "served": sum(results),
        "tcp": {name: n for name, n in moved.items() if n}})
    assert moved["syns_in"] > 10 * len(results), "the flood did not reach the gateway"
    assert sum(results) >= SERVED * len(results), f"{sum(results)} of {len(results)} requests served"
    gateway.check_alive()
