# SPDX-License-Identifier: Apache-2.0
"""The kernel's side of a port: BIRD and a server on port 22 live on the gateway's own wire, while requests
and floods go on beside them."""
import concurrent.futures
import itertools
import os
import re
import socket
import struct
import subprocess
import time

import pytest

import settings
from bed import CLIENT_IP, CLIENT_IP6, GATEWAY_CPU, OTHER_CPU, OUTSIDE_IP, OUTSIDE_IP6, send_frame, wait_for
from conftest import Load

KERNEL_IP = "10.71.0.3"  # the kernel's alone; OUTSIDE_IP it shares with the gateway
KERNEL_IP6 = "fd00:71::3"
KERNEL = f"""kernel: {{ interface = "sl0"; addresses = [ "{KERNEL_IP}", "{KERNEL_IP6}" ]; ports = [ 22, 179 ]; }};"""
WAYS = {"one worker": {}, "two workers": {"lcores": (OTHER_CPU, GATEWAY_CPU),
    "device": "net_af_packet_{0},iface={0},qpairs=2",
    "patience": 20}}


@pytest.fixture(scope="module", params=WAYS.values(), ids=WAYS.keys())
def sharing(request, bed, session_gateway):
    """The gateway with an interface sl0 in its namespace, which has an address of its own and one of the
    gateway's."""
    for name in ("control", "dataplane"):
        if bed.alive(name):
            bed.stop(name)
    # A packet socket is given copies: the kernel reads the wire, too, and must not answer from there.
    sysctls = {"net.ipv4.conf.all.arp_ignore": (1, 0), "net.ipv4.conf.all.rp_filter": (1, 0)}
    for name, (on, _) in sysctls.items():
        bed.run("gw", "sysctl", "-qw", f"{name}={on}")
    session_gateway.write_config(settings.config(outside=KERNEL, **request.param))
    session_gateway.start()
    for address in (f"{OUTSIDE_IP}/24", f"{KERNEL_IP}/24"):
        bed.ip("gw", "addr", "add", address, "dev", "sl0")
    bed.run("gw", "sysctl", "-qw", "net.ipv6.conf.sl0.accept_ra=0", "net.ipv6.conf.sl0.disable_ipv6=0")
    for address in (f"{OUTSIDE_IP6}/64", f"{KERNEL_IP6}/64"):
        bed.ip("gw", "addr", "add", address, "dev", "sl0", "nodad")
    yield session_gateway
    for name in ("control", "dataplane"):
        if bed.alive(name):
            bed.stop(name)
    for name, (_, off) in sysctls.items():
        bed.run("gw", "sysctl", "-qw", f"{name}={off}")


@pytest.fixture
def asked(request, bed, sharing):
    yield sharing
    if getattr(request.node, "failed", False):
        bed.print_logs()


def outside(gateway):
    return gateway.ctl_json("stats", "--ports")["ports"][0]


class Echo:
    """A server on port 22 of the gateway's namespace that sends back what it gets."""

    def __init__(self, bed, address):
        with bed.inside("gw"):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self.listening = socket.socket(family, socket.SOCK_STREAM)
            self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listening.settimeout(10)
        self.listening.bind((address, 22))
        self.listening.listen()
        self.pool = concurrent.futures.ThreadPoolExecutor(1)

    def __enter__(self):
        self.done = self.pool.submit(self.serve)
        return self

    def serve(self):
        sock, _ = self.listening.accept()
        sock.settimeout(10)
        with sock:
            while data := sock.recv(65536):
                sock.sendall(data)

    def __exit__(self, kind, *_):
        self.listening.close()
        if kind is None:
            self.done.result(15)
        self.pool.shutdown()


def echo(bed, address, size=200_000):
    """Send and receive that much over one connection to port 22. @return what came back"""
    data, back = os.urandom(size), bytearray()
    with bed.connect("client", address, 22) as sock:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
            while part := sock.recv(65536):
                back += part
            sent.result(10)
    assert bytes(back) == data


@pytest.mark.parametrize("address", [OUTSIDE_IP, KERNEL_IP, OUTSIDE_IP6, KERNEL_IP6])
def test_a_server_on_port_22_is_the_kernels(bed, asked, address):
    before = outside(asked)["kernel_ssh"]
    with Echo(bed, address):
        echo(bed, address)
    wait_for(lambda: outside(asked)["kernel_ssh"] > before, 2, "packets of class ssh")


@pytest.mark.parametrize("address", [OUTSIDE_IP, KERNEL_IP])
def test_the_kernel_connects_from_the_gateways_wire(bed, asked, address):
    with bed.inside("client"):
        listening = socket.create_server((CLIENT_IP, 179))
    with bed.inside("gw"):
        sock = socket.socket()
    with listening, sock:
        sock.settimeout(5)
        sock.bind((address, 0))
        sock.connect((CLIENT_IP, 179))
        there, _ = listening.accept()
        with there:
            sock.sendall(b"open")
            assert there.recv(16) == b"open"


def test_what_nobody_serves_is_refused_by_who_owns_the_address(bed, asked):
    # On the gateway's address by the gateway: the kernel does not hear of it.
    before = outside(asked)["kernel_other"]
    with pytest.raises(ConnectionRefusedError):
        bed.connect("client", OUTSIDE_IP, 81, timeout=3)
    assert outside(asked)["kernel_other"] == before
    with pytest.raises(ConnectionRefusedError):
        bed.connect("client", KERNEL_IP, 81, timeout=3)
    wait_for(lambda: outside(asked)["kernel_other"] > before, 2, "packets of class other")


def test_the_kernel_answers_ping_at_its_own_address(bed, asked):
    for address in (KERNEL_IP, OUTSIDE_IP):
        assert subprocess.run(bed.argv("client", sys_executable(), "-c", PING, address), timeout=20).returncode == 0
    wait_for(lambda: outside(asked)["kernel_icmp"] > 0, 2, "packets of class icmp")


PING = """
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.settimeout(3)
s.sendto(struct.pack("!BBHHH", 8, 0, 0xf7ff - 0x1234, 0x1234, 0), (sys.argv[1], 0))
while True:
    p = s.recv(2000)
    if p[20] == 0 and p[24:26] == b"\\x12\\x34":
        sys.exit(0)
"""


def sys_executable():
    return "/usr/bin/python3"


# BGP.

BIRD = """
router id {local};
protocol device {{ scan time 10; }}
protocol static lab {{ ipv4; {routes} }}
protocol bgp peer {{
  local {local} as {local_as};
  neighbor {remote} as {remote_as};
  hold time 9; keepalive time 3; connect delay time 1; connect retry time 2; error wait time 1, 5;
  ipv4 {{ import all; export where source = RTS_STATIC; }};
}}
"""


class Bird:
    """A BIRD in a namespace, with one BGP session and a few routes of its own."""

    def __init__(self, bed, role, local, remote, number, routes):
        self.bed, self.role = bed, role
        self.name = f"bird-{role}"
        self.socket = bed.path(self.name + ".ctl")
        path = bed.path(self.name + ".conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(BIRD.format(local=local, remote=remote, local_as=65000 + number, remote_as=65003 - number,
                routes=" ".join(f"route {r} blackhole;" for r in routes)))
        bed.spawn(self.name, role, "bird", "-f", "-c", path, "-s", self.socket,
            "-P", bed.path(self.name + ".pid"), cpu=OTHER_CPU)

    def ask(self, *words):
        return self.bed.run(self.role, "birdc", "-s", self.socket, *words).stdout

    def since(self):
        """When the session was established, a time of day in seconds, or None while it is not. BIRD counts back from
        now: the last digit moves."""
        text = self.ask("show", "protocols", "peer")
        found = re.search(r"^peer\s+BGP\s+\S+\s+up\s+(\S+).*Established", text, re.MULTILINE)
        if not found:
            return None
        hours, minutes, seconds = found.group(1).split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)

    def routes(self):
        return set(re.findall(r"^(\S+/\d+)\s.*\[peer", self.ask("show", "route", "protocol", "peer"), re.MULTILINE))


HERE_ROUTES = {"192.0.2.0/25", "192.0.2.128/25"}
THERE_ROUTES = {f"198.51.100.{i * 16}/28" for i in range(16)}


@pytest.fixture
def birds(bed, asked):
    here = Bird(bed, "gw", OUTSIDE_IP, CLIENT_IP, 1, HERE_ROUTES)
    there = Bird(bed, "client", CLIENT_IP, OUTSIDE_IP, 2, THERE_ROUTES)
    try:
        wait_for(lambda: here.since() and there.since(), 40, "the BGP session", every=0.3)
        yield here, there
    finally:
        for bird in (here, there):
            if bed.alive(bird.name):
                bed.stop(bird.name)


FLOOD_RATE = 20_000  # packets a second


def frame(mac, protocol, src, dst, payload):
    """An Ethernet frame with an IPv4 packet; the sums of both headers are right."""
    def folded(data):
        total = sum(struct.unpack(f"!{len(data) // 2}H", data))
        total = (total & 0xffff) + (total >> 16)
        return ~((total & 0xffff) + (total >> 16)) & 0xffff
    src, dst = socket.inet_aton(src), socket.inet_aton(dst)
    at = 16 if protocol == 6 else 6
    total = folded(src + dst + struct.pack("!HH", protocol, len(payload)) + payload)
    payload = payload[:at] + struct.pack("!H", total) + payload[at + 2:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, src, dst)
    head = head[:10] + struct.pack("!H", folded(head)) + head[12:]
    return mac + bytes.fromhex("0200000000aa0800") + head + payload


def flood(bed, mac, targets, seconds):
    """Send what every target gets, from many invented addresses: ten times what the kernel gets of a class, and little
    enough that a gateway that shares its core has time for it. What a full ring drops is no class's business.
    @return packets"""
    frames = []
    for i in range(400):
        src = f"10.71.0.{100 + i % 100}"
        for kind, address, port in targets:
            if kind == "syn":
                frames.append(frame(mac, 6, src, address,
                    struct.pack("!HHIIBBHHH", 1024 + i, port, i * 77777, 0, 0x50, 2, 65535, 0, 0)))
            else:
                frames.append(frame(mac, 17, src, address, struct.pack("!HHHH", 1024 + i, port, 40, 0) + bytes(32)))
    with bed.inside("client"):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sent, begin = 0, time.monotonic()
    with sock:
        sock.bind(("eth0", 0))
        for data in itertools.cycle(frames):
            if sent % 40 == 0:
                passed = time.monotonic() - begin
                if passed > seconds:
                    break
                time.sleep(max(0, sent / FLOOD_RATE - passed))
            send_frame(sock, data)
            sent += 1
    return sent


def gateway_mac(bed):
    bed.connect("client", OUTSIDE_IP, 80).close()
    text = bed.ip("client", "neigh", "show", OUTSIDE_IP).stdout
    return bytes.fromhex(re.search(r"lladdr (\S+)", text).group(1).replace(":", ""))


def test_routes_are_exchanged(birds):
    here, there = birds
    wait_for(lambda: here.routes() == THERE_ROUTES and there.routes() == HERE_ROUTES, 10, "the routes")


FLOODS = {
    "data port": [("syn", OUTSIDE_IP, 80), ("udp", OUTSIDE_IP, 80), ("syn", OUTSIDE_IP, 81)],
    "kernel": [("syn", KERNEL_IP, 80), ("udp", KERNEL_IP, 53), ("syn", OUTSIDE_IP, 22), ("udp", OUTSIDE_IP, 22)],
}


@pytest.mark.parametrize("targets", FLOODS.values(), ids=FLOODS.keys())
def test_the_session_lives_through_a_flood(bed, asked, birds, targets):
    here, there = birds
    wait_for(lambda: here.routes() == THERE_ROUTES, 10, "the routes")
    mac, since, before = gateway_mac(bed), (here.since(), there.since()), outside(asked)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        # Longer than the hold time: keepalives came through it.
        flooding = pool.submit(flood, bed, mac, targets, 11)
        with Load(bed, 10) as running:
            pass
        sent = flooding.result(30)
    after, drops = outside(asked), asked.stats()
    assert sent > 50_000
    assert (here.since(), there.since()) == pytest.approx(since, abs=1), "the session never fell"
    assert here.routes() == THERE_ROUTES and there.routes() == HERE_ROUTES
    assert after["kernel_bgp"] - before["kernel_bgp"] >= 3
    # Of two workers, one that lost its core after its look at the clock finds the rate used up by the other's later look.
    assert drops.drop("kernel_bgp_rate") == 0 or len(drops.tree["workers"]) > 1
    # The flood's sender shares a core with one of two workers.
    assert running.lost() * 100 <= running.result["requests"] and running.result["requests"] > 100, running.result
    # What the kernel got of it is bounded by the classes' rates.
    for name, rate in (("kernel_other", 2000), ("kernel_ssh", 5000)):
        assert after[name] - before[name] <= rate * 15 + 64, name
