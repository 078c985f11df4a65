# SPDX-License-Identifier: Apache-2.0
"""Below HTTP: loss, damage, floods, ping."""
import concurrent.futures
import os
import socket
import struct
import time

import pytest

from bed import CLIENT_IP, OUTSIDE_IP, send_frame, wait_for
from origin import known_bytes

scapy = pytest.importorskip("scapy.all", reason="python3-scapy")


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


# The long ones go and come in fragments.
@pytest.mark.parametrize("size", [0, 56, 1472, 1473, 4000, 8000])
def test_ping_is_answered(bed, gateway, size):
    with bed.inside("client"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with sock:
        sock.settimeout(2)
        body = known_bytes(size)
        head = struct.pack("!BBHHH", 8, 0, 0, 4711, 1)
        sock.sendto(struct.pack("!BBHHH", 8, 0, checksum(head + body), 4711, 1) + body, (OUTSIDE_IP, 0))
        while True:
            packet = sock.recv(65535)
            if packet[20] == 0 and packet[24:28] == struct.pack("!HH", 4711, 1):
                break
        assert packet[28:] == body and checksum(packet[20:]) == 0


@pytest.mark.parametrize("role", ["client", "be1"])
def test_downloads_survive_loss(bed, connect, role):
    connection = connect(timeout=60)
    bed.drop_packets(role, 1)
    for _ in range(3):
        assert connection.get("/patient/bytes?size=4000000").body == known_bytes(4000000)


def test_uploads_survive_loss(bed, connect):
    connection = connect(timeout=60)
    bed.drop_packets("client", 1)
    bed.drop_packets("be1", 1)
    content = known_bytes(2_000_000)
    assert connection.request("POST", "/patient/mirror", body=content).body == content


def test_loss_is_counted_as_retransmissions(bed, gateway, connect):
    before = gateway.stats().tcp("retransmits")
    connection = connect(timeout=60)
    bed.drop_packets("client", 3)
    connection.get("/patient/bytes?size=2000000")
    assert gateway.stats().tcp("retransmits") > before


class Wire:
    """Raw frames from the client's interface to the gateway."""

    def __init__(self, bed):
        with bed.inside("client"):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.sock.bind(("eth0", 0))
        self.own_mac = self.sock.getsockname()[4]
        # An exchange in clear makes the kernel learn the gateway's address.
        with bed.connect("client", OUTSIDE_IP, 80):
            pass
        for line in bed.ip("client", "neigh", "show", OUTSIDE_IP).stdout.splitlines():
            words = line.split()
            if "lladdr" in words:
                self.mac = bytes.fromhex(words[words.index("lladdr") + 1].replace(":", ""))

    def frame(self, packet, ether_type=0x0800):
        return self.mac + self.own_mac + struct.pack("!H", ether_type) + bytes(packet)

    def send(self, frame):
        send_frame(self.sock, frame)


@pytest.fixture
def wire(bed, gateway):
    wire = Wire(bed)
    yield wire
    wire.sock.close()


def ip(**kw):
    return scapy.IP(src=CLIENT_IP, dst=OUTSIDE_IP, **kw)


def tcp(**kw):
    return scapy.TCP(**{"sport": 40000, "dport": 80, "flags": "S", **kw})


def damage(packet, at, value):
    data = bytearray(bytes(packet))
    data[at:at + len(value)] = value
    return bytes(data)


# Each: a frame's IP packet, and the drop that it must be counted under.
DAMAGED = {
    "cut inside the IP header": (lambda: bytes(ip() / tcp())[:12], "frame_short"),
    "version 6 in an IPv4 frame": (lambda: damage(ip() / tcp(), 0, b"\x65"), "ip_version"),
    "header length of 16": (lambda: damage(ip() / tcp(), 0, b"\x44"), "ip_header"),
    "longer than its frame": (lambda: bytes(ip(len=2000) / tcp()), "ip_length"),
    "IP checksum": (lambda: bytes(ip(chksum=0x1234) / tcp()), "ip_checksum"),
    "first fragment of TCP": (lambda: bytes(ip(flags="MF") / tcp()), "ip_fragment"),
    "later fragment of TCP": (lambda: bytes(ip(frag=3, proto=6) / bytes(24)), "ip_fragment"),
    "fragment of UDP": (lambda: bytes(ip(frag=3, proto=17) / bytes(24)), "ip_fragment"),
    "fragment of no whole units": (lambda: bytes(ip(flags="MF", proto=1) / bytes(25)), "ip_fragment_invalid"),
    "fragment beyond 64 KiB": (lambda: bytes(ip(frag=8191, proto=1) / bytes(24)), "ip_fragment_invalid"),
    "source is multicast": (lambda: bytes(scapy.IP(src="224.0.0.1", dst=OUTSIDE_IP) / tcp()), "ip_source"),
    "unknown protocol": (lambda: bytes(ip(proto=132) / b"12345678"), "ip_protocol"),
    "for somebody else": (lambda: bytes(scapy.IP(src=CLIENT_IP, dst="10.71.0.77") / tcp()), "not_for_us"),
    "TCP cut short": (lambda: bytes(ip(proto=6) / b"1234567890"), "tcp_header"),
    "TCP offset beyond the packet": (lambda: bytes(ip() / tcp(dataofs=15)), "tcp_header"),
    "TCP checksum": (lambda: bytes(ip() / tcp(chksum=0x1234)), "tcp_checksum"),
    "TCP SYN and FIN": (lambda: bytes(ip() / tcp(flags="SF")), "tcp_flags"),
    "no listener": (lambda: bytes(ip() / tcp(dport=81)), "tcp_no_listener"),
    "ICMP checksum": (lambda: bytes(ip() / scapy.ICMP(chksum=0x1234)), "icmp_checksum"),
}


@pytest.mark.asan
@pytest.mark.parametrize("make,drop", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_frame_ends_in_its_drop(gateway, wire, make, drop):
    before = gateway.stats().drop(drop)
    for _ in range(5):
        wire.send(wire.frame(make()))
    end = time.monotonic() + 2
    while gateway.stats().drop(drop) < before + 5 and time.monotonic() < end:
        time.sleep(0.05)
    assert gateway.stats().drop(drop) == before + 5
    gateway.check_alive()


def test_another_ether_type_is_dropped(gateway, wire):
    before = gateway.stats().drop("ether_type")
    wire.send(wire.frame(b"x" * 60, 0x88b5))
    time.sleep(0.3)
    assert gateway.stats().drop("ether_type") > before


def test_fragments_that_stay_alone_are_given_up(gateway, wire):
    before = gateway.stats()
    for ident in range(100):
        wire.send(wire.frame(bytes(ip(flags="MF", proto=1, id=ident) / bytes(64))))

    def given_up():
        now = gateway.stats()
        return all(now.drop(name) == before.drop(name) + n
            for name, n in (("ip_fragment_timeout", 64), ("ip_fragment_full", 36)))
    wait_for(given_up, 10, "the end of the wait for more fragments")


@pytest.mark.asan
def test_a_thousand_mutations_harm_nobody(gateway, wire, connect):
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    state = seed
    whole = [bytes(ip() / tcp(options=[("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("WScale", 7)])),
        bytes(ip() / tcp(flags="PA") / (b"GET / HTTP/1.1\r\n\r\n")), bytes(ip() / scapy.ICMP() / b"ping")]
    for i in range(1000):
        data = bytearray(whole[i % len(whole)])
        for _ in range(3):
            state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            data[(state >> 33) % len(data)] = (state >> 13) & 0xff
        wire.send(wire.frame(bytes(data)[:20 + (state >> 40) % len(data)]))
    gateway.check_alive()
    assert connect().get("/echo/bytes?size=10").body == known_bytes(10)


def test_a_syn_flood_is_bounded_while_a_client_works(gateway, wire, connect):
    stats = gateway.stats()
    free_before, connections = stats.worker("mbufs_free"), stats.worker("client_connections")
    # Real-looking sources that will never answer.
    frames = [wire.frame(scapy.IP(src=f"10.71.0.{10 + i % 200}", dst=OUTSIDE_IP) /
        tcp(sport=1024 + i, seq=i * 7919)) for i in range(2000)]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        stop = time.monotonic() + 4

        def flood():
            sent = 0
            while time.monotonic() < stop:
                for frame in frames[:500]:
                    wire.send(frame)
                    sent += 1
                frames.append(frames.pop(0))
                time.sleep(0.02)
            return sent
        flooding = pool.submit(flood)
        time.sleep(0.5)
        served = 0
        while not flooding.done():
            # Closed again: a fast machine would open more than the gateway lets in.
            with connect(timeout=5) as client:
                assert client.get("/echo/bytes?size=10").status == 200
            served += 1
        assert flooding.result() > 5000 and served > 10
    stats = gateway.stats()
    assert stats.worker("mbufs_free") > free_before // 2
    assert stats.worker("client_connections") <= connections + served + 100


def test_arp_is_answered_for_our_address_only(bed, wire):
    def ask(address):
        packet = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + wire.own_mac + socket.inet_aton(CLIENT_IP) + \
            b"\0" * 6 + socket.inet_aton(address)
        with bed.inside("client"):
            listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
            listener.bind(("eth0", 0x0806))
        with listener:
            listener.settimeout(0.5)
            wire.send(b"\xff" * 6 + wire.own_mac + struct.pack("!H", 0x0806) + packet)
            try:
                while True:
                    answer = listener.recv(100)
                    if answer[20:22] == b"\0\2" and answer[28:32] == socket.inet_aton(address):
                        return True
            except TimeoutError:
                return False
    assert ask(OUTSIDE_IP) and not ask("10.71.0.77")


def test_a_closed_port_answers_with_rst(bed, gateway):
    with pytest.raises(ConnectionRefusedError):
        bed.connect("client", OUTSIDE_IP, 81, timeout=3)


def test_many_connections_come_and_go(connect):
    for _ in range(300):
        connection = connect()
        assert connection.get("/echo/bytes?size=1", ("Connection", "close")).status == 200
        connection.close()
