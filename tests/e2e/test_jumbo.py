# SPDX-License-Identifier: Apache-2.0
"""Frames of 9,000 bytes on both sides, and ports that cannot have them."""
import contextlib
import re
import socket

import pytest

import settings
from bed import BACKENDS, CLIENT_IP, CLIENT_IP6, OUTSIDE_IP, OUTSIDE_IP6, BedError, run, wait_for
from links import exchange, restart, stop
from origin import known_bytes

MIB = 1 << 20


# Devices that cannot, and what they say. The interfaces have 1,500.
REFUSALS = {"af_xdp": ("net_af_xdp_{0},iface={0}", "no port beside one of it may have an MTU above 1500"),
    "interface": ("auto:{}", "MTU 9000: the interface has 1500, raise it first"),
    "memif": ("net_memif_{0}", "MTU 9000: ")}


@pytest.mark.parametrize("device,reason", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_port_that_cannot_says_why(bed, session_gateway, device, reason):
    stop(bed)
    session_gateway.write_config(settings.config(device=device, outside="mtu = 9000;", mbufs=8192))
    session_gateway.start_dataplane()
    session_gateway.start_control()
    wait_for(lambda: reason in bed.log_tail("dataplane", 40), 20, "the reason in the dataplane's log")
    for name in ("control", "dataplane"):
        if name in bed.processes:
            with contextlib.suppress(BedError):
                bed.stop(name)


JUMBO = 9000


@pytest.fixture(scope="module")
def jumbo(bed, session_gateway):
    """Both sides with frames of 9,000 bytes, the backends and their switch, too."""
    wires = [("client", "eth0"), ("gw", "sl-out"), ("gw", "sl-in"), ("sw", "gw"),
        *(("sw", role) for role in BACKENDS), *((role, "eth0") for role in BACKENDS)]
    stop(bed)
    for role, interface in wires:
        bed.set_mtu(role, interface, JUMBO)
    bed.set_mtu("sw", "br0", JUMBO)
    try:
        restart(bed, session_gateway, inside=f"mtu = {JUMBO};", mbufs=8192,
            outside=f'mtu = {JUMBO}; gateways = [ "{CLIENT_IP}", "{CLIENT_IP6}" ];')
        yield session_gateway
    finally:
        stop(bed)
        bed.set_mtu("sw", "br0", 1500)
        for role, interface in wires:
            bed.set_mtu(role, interface, 1500)


class Capture:
    """The lengths of the IP packets on a role's interface."""

    def __init__(self, bed, role):
        with bed.inside(role):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * MIB)
            self.sock.bind(("eth0", 0x0003))
        self.sock.setblocking(False)

    def lengths(self, outgoing):
        """Of what was sent, or of what came, until now."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, address = self.sock.recvfrom(65535)
                if (address[2] == socket.PACKET_OUTGOING) == outgoing:
                    found.append(len(packet))
        self.sock.close()
        return found


@pytest.mark.parametrize("to", [OUTSIDE_IP, OUTSIDE_IP6])
@pytest.mark.parametrize("size", [1 * MIB, 50 * MIB])
def test_bodies_pass_in_jumbo_frames(bed, jumbo, to, size):
    path = "/six" if to == OUTSIDE_IP6 else "/patient"
    content = known_bytes(size)
    to_client, to_backend = Capture(bed, "client"), Capture(bed, "be1")
    assert exchange(bed, to, f"{path}/bytes?size={size}") == content
    assert max(to_client.lengths(outgoing=False)) == JUMBO
    assert max(to_backend.lengths(outgoing=True)) == JUMBO
    to_client, to_backend = Capture(bed, "client"), Capture(bed, "be1")
    assert exchange(bed, to, f"{path}/mirror", content) == content
    assert max(to_client.lengths(outgoing=True)) == JUMBO
    assert max(to_backend.lengths(outgoing=False)) == JUMBO


@pytest.fixture
def far(bed, jumbo):
    """A host behind the client's kernel, which forwards to it by a wire that takes 1,500 bytes."""
    bed.record.add("namespace", bed.ns("far"))
    run(["ip", "netns", "add", bed.ns("far")])
    bed.ip("client", "link", "add", "narrow", "type", "veth", "peer", "name", "eth0", "netns", bed.ns("far"))
    for role, interface, last in (("client", "narrow", 1), ("far", "eth0", 2)):
        bed.run(role, "ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        bed.run(role, "sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=0", "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.ip_forward=1")
        bed.ip(role, "link", "set", interface, "up")
        bed.ip(role, "addr", "add", f"10.73.0.{last}/24", "dev", interface)
        bed.ip(role, "addr", "add", f"fd00:73::{last}/64", "dev", interface, "nodad")
    bed.set_mtu("far", "eth0", JUMBO)
    bed.ip("far", "route", "add", "default", "via", "10.73.0.1")
    bed.ip("far", "-6", "route", "add", "default", "via", "fd00:73::1")
    yield "far"
    bed.run("client", "sysctl", "-qw", "net.ipv6.conf.all.forwarding=0", "net.ipv4.ip_forward=0")
    run(["ip", "netns", "del", bed.ns("far")])


@pytest.mark.parametrize("to", [OUTSIDE_IP, OUTSIDE_IP6])
def test_a_narrower_path_is_told_of_by_icmp(bed, jumbo, far, to):
    capture = Capture(bed, far)
    assert exchange(bed, to, f"/patient/bytes?size={5 * MIB}", role=far) == known_bytes(5 * MIB)
    assert max(capture.lengths(outgoing=False)) == 1500


def test_the_start_tells_the_memory_of_jumbo_frames(bed, jumbo):
    with open(bed.log_path("dataplane"), encoding="utf-8") as log:
        told = re.findall(r"(\d+) mbufs of (\d+) bytes of data = (\d+) MiB", log.read())[-1]
    mbufs, data, mib = map(int, told)
    assert mbufs == 8192 and data >= JUMBO + 18 and mib * MIB >= mbufs * data
