# SPDX-License-Identifier: Apache-2.0
"""Bodies between the kernel and the gateway, both ways on both sides, over paths with faults. What is
asserted is the content; nothing here looks at a clock."""
import os

import pytest

from bed import OUTSIDE_IP6

DIRECTIONS = ["download", "upload"]
MIB = 1 << 20
# Percent of the frames, both ways, to the bytes that are moved: no more than a few thousand losses.
LOSSES = {0.1: 64 * MIB, 1: 16 * MIB, 5: 2 * MIB}
# Options of path.c; chances are out of 100,000.
FAULTS = {
    "few late by much": {"reorder": 1000, "late_us": 20000},
    "many late by little": {"reorder": 30000, "late_us": 500},
    "all in disorder": {"reorder": 100000, "late_us": 2000, "delay_us": 1000},
    "late, twice and lost": {"reorder": 5000, "late_us": 5000, "repeat": 1000, "lose": 1000, "delay_us": 2000},
}
# To a backend whose MTU changes. Its connections are pooled, so most were opened for another MTU: what it
# cannot take any more is lost in silence.
NARROW = "/narrow/"
MTUS = [(client, backend) for client in (576, 1500, 9000) for backend in (576, 1280, 9000)]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_gibibyte_arrives_whole(transfer, direction):
    transfer(direction, 1024 * MIB)


@pytest.mark.parametrize("percent", LOSSES)
@pytest.mark.parametrize("path", ["out", "in"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_content_survives_loss(bed, transfer, direction, path, percent):
    bed.lose(path, percent)
    transfer(direction, LOSSES[percent])


@pytest.mark.short
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_content_survives_loss_on_both_sides(bed, transfer, direction):
    bed.lose("out", 1)
    bed.lose("in", 1)
    transfer(direction, 4 * MIB)


@pytest.mark.parametrize("percent", LOSSES)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_content_survives_loss_over_ipv6(bed, transfer, direction, percent):
    bed.lose("out", percent)
    bed.lose("in", percent)
    transfer(direction, LOSSES[percent] // 4, path="/six/", to=OUTSIDE_IP6)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_content_survives_loss_under_tls(bed, transfer, direction):
    bed.lose("out", 1)
    transfer(direction, 8 * MIB, tls=True)


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("path", ["out", "in"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_content_survives_disorder(bed, gateway, transfer, seed, direction, path, faults):
    bed.start_path(path, gateway.build, seed=seed, **faults)
    transfer(direction, 8 * MIB)


@pytest.mark.short
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_content_survives_disorder_on_both_sides(bed, gateway, transfer, seed, direction):
    for path in ("out", "in"):
        bed.start_path(path, gateway.build, seed=seed, **FAULTS["late, twice and lost"])
    transfer(direction, 2 * MIB)


@pytest.mark.parametrize("client,backend", MTUS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_peers_have_any_mtu(bed, transfer, direction, client, backend):
    bed.set_mtu("client", "eth0", client)
    bed.set_mtu("be2", "eth0", backend)
    transfer(direction, 16 * MIB, path=NARROW)


@pytest.mark.short
def test_a_pooled_connection_survives_a_link_that_narrows(bed, gateway, transfer):
    """Nobody tells the gateway: frames that are too large vanish before the backend."""
    before = gateway.stats()
    for mtu in (1500, 1280, 576):
        bed.set_mtu("be3", "eth0", mtu)
        transfer("upload", 2 * MIB, path="/narrowing/")
    after = gateway.stats()
    assert after.tcp("black_holes") >= before.tcp("black_holes") + 2, "the connections were not old ones"


@pytest.mark.short
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_small_mtu_and_loss(bed, transfer, direction):
    bed.set_mtu("client", "eth0", 576)
    bed.set_mtu("be2", "eth0", 576)
    bed.lose("out", 1)
    bed.lose("in", 1)
    transfer(direction, 2 * MIB, path=NARROW)
