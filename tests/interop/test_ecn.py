# SPDX-License-Identifier: Apache-2.0
"""Congestion marks (RFC 3168) between the kernel and the gateway: agreed on both sides whoever begins, set by
the path, echoed by either end, and no content lost for it."""
import pytest

import peer
from bed import INSIDE_IP, OUTSIDE_IP, OUTSIDE_IP6

MIB = 1 << 20


@pytest.fixture
def kernel_asks(bed):
    """The client's kernel asks for ECN; a backend's agrees by default, as the gateway does."""
    bed.run("client", "sysctl", "-qw", "net.ipv4.tcp_ecn=1")  # of both families
    yield
    bed.run("client", "sysctl", "-qw", "net.ipv4.tcp_ecn=2")


def _moved(before, after):
    names = ("ecn_agreed", "ce_segs_in", "ecn_reductions", "accepted", "connected")
    return {name: after.tcp(name) - before.tcp(name) for name in names}


def _sockets(bed, role, address):
    """What the kernel says of its connections with @p address."""
    return bed.run(role, "ss", "-tinoH", "dst", address).stdout


@pytest.mark.short
@pytest.mark.parametrize("direction", ["download", "upload"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_marks_are_agreed_on_and_cost_no_content(bed, gateway, transfer, kernel_asks, direction, family):
    six = {"path": "/six/", "to": OUTSIDE_IP6} if family == "ipv6" else {}
    before = gateway.stats()
    for path in ("out", "in"):
        bed.mark(path, 1)
    transfer(direction, 16 * MIB, **six)
    moved = _moved(before, gateway.stats())
    print(moved)
    assert moved["ecn_agreed"] >= moved["accepted"] + moved["connected"] >= 1
    # The gateway is the receiver on one side and the sender on the other.
    assert moved["ce_segs_in"] > 0
    assert moved["ecn_reductions"] > 0


@pytest.mark.short
def test_both_kernels_know_what_was_agreed_on(bed, gateway, connect, seed, kernel_asks):
    peer.download(connect(), 3000, seed)
    assert " ecn" in _sockets(bed, "client", OUTSIDE_IP), "the client's kernel"
    assert " ecn" in _sockets(bed, "be1", INSIDE_IP), "the backend's kernel"


@pytest.mark.short
def test_a_client_that_does_not_ask_gets_none(bed, gateway, connect):
    before = gateway.stats()
    connect()
    assert " ecn" not in _sockets(bed, "client", OUTSIDE_IP)
    assert _moved(before, gateway.stats())["ecn_agreed"] == 0
