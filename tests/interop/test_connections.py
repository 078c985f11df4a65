# SPDX-License-Identifier: Apache-2.0
"""Many short connections: each opened, used once and closed, on both sides of the gateway."""
import concurrent.futures

import pytest

import peer
from bed import OUTSIDE_IP

TOGETHER = 16
SIZE = 3000  # more than a segment
PATIENCE = 30


# Who closes first: fields of the request, path.
WAYS = {
    "client": ("", "/bulk/"),
    "gateway": ("Connection: close\r\n", "/bulk/"),
    "backend": ("", "/bulk/close/"),
    "both": ("Connection: close\r\n", "/bulk/close/"),
}


def _one(bed, seed, number, fields, path):
    """@return None, or what went wrong"""
    try:
        with bed.connect("client", OUTSIDE_IP, 80, timeout=PATIENCE) as sock:
            if peer.download(sock, SIZE, seed, path, fields) != peer.digest(SIZE, seed):
                return f"connection {number}: other content"
            if fields and sock.recv(1):
                return f"connection {number}: bytes after the end"
    except OSError as e:
        return f"connection {number}: {type(e).__name__}: {e}"
    return None


def _many(bed, seed, count, way):
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        failed = [f for f in pool.map(lambda n: _one(bed, seed, n, *WAYS[way]), range(count)) if f]
    assert not failed, f"{len(failed)} of {count} failed: {failed[:10]}"


@pytest.mark.short
@pytest.mark.parametrize("way", WAYS)
def test_a_few_hundred_short_connections(bed, gateway, seed, way):
    _many(bed, seed, 200, way)


@pytest.mark.parametrize("way", ["gateway", "both"])
def test_ten_thousand_short_connections(bed, gateway, seed, way):
    _many(bed, seed, 10_000, way)


def test_short_connections_over_lossy_paths(bed, gateway, seed):
    bed.lose("out", 1)
    bed.lose("in", 1)
    _many(bed, seed, 1000, "both")
