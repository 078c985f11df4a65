# SPDX-License-Identifier: Apache-2.0
"""A port in a VLAN, with the kernel as its peer."""
import contextlib
import fcntl
import os
import select
import socket
import struct
import threading

import pytest

from bed import CLIENT_IP, CLIENT_IP6, OUTSIDE_IP, OUTSIDE_IP6, BedError, send_frame, wait_for
from links import exchange, restart, stop
from origin import known_bytes

VLAN = 100


class KernelVlan:
    """A VLAN interface of the client's kernel on its wire."""

    def __init__(self, bed):
        bed.ip("client", "link", "add", "link", "eth0", "name", "vlan", "type", "vlan", "id", str(VLAN))
        self.bed = bed

    def remove(self):
        self.bed.ip("client", "link", "del", "vlan")


class TapVlan:
    """The same where the kernel was built without: a tap for its stack, tags put on and taken off here."""

    def __init__(self, bed):
        with bed.inside("client"):
            self.tap = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(self.tap, 0x400454ca, struct.pack("16sH22x", b"vlan", 0x1002))  # TUNSETIFF: tap, no header
            self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
            self.wire.bind(("eth0", 0x0003))
        self.wire.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA: the kernel takes tags off
        mac = ":".join(f"{byte:02x}" for byte in self.wire.getsockname()[4])
        bed.ip("client", "link", "set", "vlan", "address", mac)
        self.end = os.pipe()
        self.thread = threading.Thread(target=self._forward, daemon=True)
        self.thread.start()

    def _forward(self):
        tag = struct.pack("!HH", 0x8100, VLAN)
        while True:
            ready, _, _ = select.select([self.tap, self.wire, self.end[0]], [], [])
            if self.end[0] in ready:
                return
            if self.tap in ready:
                frame = os.read(self.tap, 65536)
                with contextlib.suppress(OSError):
                    self.wire.send(frame[:12] + tag + frame[12:])
            if self.wire in ready:
                frame, extra, _, sender = self.wire.recvmsg(65536, 256)
                status, tci = struct.unpack_from("=I12xH", extra[0][2]) if extra else (0, 0)
                if sender[2] != socket.PACKET_OUTGOING and status & 0x10 and tci & 0xfff == VLAN:
                    with contextlib.suppress(OSError):
                        os.write(self.tap, frame)

    def remove(self):
        os.write(self.end[1], b"x")
        self.thread.join(5)
        self.wire.close()
        for descriptor in (self.tap, *self.end):
            os.close(descriptor)


def vlan_interface(bed):
    try:
        return KernelVlan(bed)
    except BedError as error:
        if "Unknown device type" not in str(error):
            raise
        return TapVlan(bed)


# By af_packet the kernel hands the tag over beside the frame, by af_xdp within it.
@pytest.fixture(scope="module", params=["auto:{}", "net_af_packet_{0},iface={0}"], ids=["auto", "af_packet"])
def tagged(request, bed, session_gateway):
    """The client behind a VLAN interface of its kernel, the outside port in the same VLAN."""
    stop(bed)
    if request.param.startswith("auto"):
        bed.run("client", "ethtool", "-K", "eth0", "txvlan", "off")
    bed.ip("client", "addr", "del", CLIENT_IP + "/24", "dev", "eth0")
    bed.ip("client", "addr", "del", CLIENT_IP6 + "/64", "dev", "eth0")
    vlan = vlan_interface(bed)
    bed.run("client", "sysctl", "-qw", "net.ipv6.conf.vlan.accept_ra=0", "net.ipv6.conf.vlan.disable_ipv6=0")
    bed.ip("client", "link", "set", "vlan", "up")
    bed.ip("client", "addr", "add", CLIENT_IP + "/24", "dev", "vlan")
    bed.ip("client", "addr", "add", CLIENT_IP6 + "/64", "dev", "vlan", "nodad")
    try:
        restart(bed, session_gateway, device=request.param, outside=f"vlan = {VLAN};")
        yield session_gateway
    finally:
        stop(bed)
        vlan.remove()
        bed.run("client", "ethtool", "-K", "eth0", "txvlan", "on")
        bed.ip("client", "addr", "add", CLIENT_IP + "/24", "dev", "eth0")
        bed.ip("client", "addr", "add", CLIENT_IP6 + "/64", "dev", "eth0", "nodad")


@pytest.mark.parametrize("to", [OUTSIDE_IP, OUTSIDE_IP6])
def test_requests_pass_in_a_vlan(bed, tagged, to):
    content = known_bytes(300_000)
    assert exchange(bed, to, "/patient/bytes?size=1000000") == known_bytes(1_000_000)
    assert exchange(bed, to, "/patient/mirror", content) == content


def test_frames_of_other_vlans_are_dropped(bed, tagged):
    with bed.inside("client"):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind(("eth0", 0))
    own = sock.getsockname()[4]
    ask = struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + own + socket.inet_aton(CLIENT_IP) + bytes(6) + \
        socket.inet_aton(OUTSIDE_IP)
    before = tagged.stats().drop("vlan")
    with sock:
        for tag in (b"", struct.pack("!HH", 0x8100, VLAN + 1), struct.pack("!HH", 0x8100, 0)):
            for _ in range(5):
                send_frame(sock, b"\xff" * 6 + own + tag + ask)
        wait_for(lambda: tagged.stats().drop("vlan") >= before + 15, 5, "fifteen frames of others")
