# SPDX-License-Identifier: Apache-2.0
"""IPv6 with the kernel as client and as backend, and from one family to the other."""
import contextlib
import ipaddress
import json
import socket
import struct

import pytest

import settings
from bed import BACKENDS, BACKENDS6, CLIENT_IP, CLIENT_IP6, INSIDE_IP6, OUTSIDE_IP, OUTSIDE_IP6, wait_for
from origin import known_bytes

pytestmark = pytest.mark.asan

FAMILIES = {"4": OUTSIDE_IP, "6": OUTSIDE_IP6}
ORIGINS = {"4": "/patient", "6": "/six"}
WAYS = [(client, backend) for client in "46" for backend in "46" if (client, backend) != ("4", "4")]


@pytest.fixture(params=WAYS, ids=[f"{c}to{b}" for c, b in WAYS])
def way(request):
    """(gateway's address, prefix of the origin's paths) of a client's family and a backend's."""
    client, backend = request.param
    return FAMILIES[client], ORIGINS[backend]


ECHO_REQUEST, ECHO_REPLY = 128, 129


def ping(bed, address, count=1, size=56, patience=2):
    """@return who answered with the same data; the kernel makes and checks the sums"""
    with bed.inside("client"):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    answered, data = [], known_bytes(size)
    with sock:
        for number in range(count):
            sock.settimeout(patience)
            head = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, 4711, number)
            sock.sendto(head + data, socket.getaddrinfo(address, 0)[0][4] if "%" not in address
                else (address.split("%")[0], 0, 0, _index(bed)))
            with contextlib.suppress(TimeoutError):
                while True:
                    packet, sender = sock.recvfrom(65535)
                    # A group's first answer is the asker's own.
                    if packet[0] == ECHO_REPLY and packet[4:8] == head[4:8] and not _is_own(bed, sender):
                        assert packet[8:] == data
                        answered.append(sender[0])
                        break
    return answered


def _links(bed):
    return json.loads(bed.run("client", "ip", "-6", "-j", "addr", "show", "dev", "eth0").stdout)[0]


def _index(bed):
    return _links(bed)["ifindex"]


def _is_own(bed, sender):
    return sender[0].split("%")[0] in [a["local"] for a in _links(bed)["addr_info"]]


# The long ones go and come in fragments.
@pytest.mark.parametrize("size", [0, 56, 1452, 1453, 4000, 8000])
def test_ping6_is_answered(bed, gateway, size):
    wait_for(lambda: ping(bed, OUTSIDE_IP6), 5, "an answer to ping6")
    assert ping(bed, OUTSIDE_IP6, count=20, size=size) == [OUTSIDE_IP6] * 20


def test_fragments_of_tcp_are_refused(bed, gateway):
    before = gateway.stats().drop("ip_fragment")
    with bed.inside("client"):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_TCP)
    with sock:
        # The kernel cuts it: two fragments, and no answer to the SYN in the first.
        sock.sendto(struct.pack("!HHIIBBHHH", 40000, 80, 1, 0, 5 << 4, 2, 65535, 0, 0) + bytes(2000), (OUTSIDE_IP6, 0))
        wait_for(lambda: gateway.stats().drop("ip_fragment") == before + 2, 5, "two refused fragments")
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(100)


def neighbour(bed, role, address):
    """{state, lladdr} as the kernel has it."""
    found = json.loads(bed.run(role, "ip", "-6", "-j", "neigh", "show", address).stdout)
    return found[0] if found else {}


def test_the_link_local_address_answers(bed, gateway):
    ping(bed, OUTSIDE_IP6)
    mac = bytes.fromhex(neighbour(bed, "client", OUTSIDE_IP6)["lladdr"].replace(":", ""))
    own = str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]))
    assert len(ping(bed, own + "%eth0", count=5)) == 5
    assert [who.split("%")[0] for who in ping(bed, "ff02::1%eth0")] == [own]


def test_the_kernel_confirms_the_neighbour(bed, gateway):
    bed.run("client", "ip", "-6", "neigh", "flush", "dev", "eth0")
    assert len(ping(bed, OUTSIDE_IP6, count=3)) == 3
    assert neighbour(bed, "client", OUTSIDE_IP6)["state"] == ["REACHABLE"]
    # Doubted by hand: the kernel asks by unicast and is answered.
    mac = neighbour(bed, "client", OUTSIDE_IP6)["lladdr"]
    bed.ip("client", "-6", "neigh", "replace", OUTSIDE_IP6, "lladdr", mac, "nud", "probe", "dev", "eth0")
    wait_for(lambda: neighbour(bed, "client", OUTSIDE_IP6)["state"] == ["REACHABLE"], 5, "the kernel's confirmation")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_curl_6(bed, gateway, scheme):
    done = bed.run("client", "curl", "-6", "-gsS", "--cacert", gateway.certificate, "--connect-to",
        f"{settings.HOST}::[{OUTSIDE_IP6}]:", "-H", f"X-API-Key: {settings.GLOBEX_KEY}",
        f"{scheme}://{settings.HOST}/v1/orders/six/1")
    assert json.loads(done.stdout)["backend"] in BACKENDS6


def test_downloads_and_uploads(connect, way):
    to, path = way
    connection = connect(to=to, timeout=60)
    assert connection.get(f"{path}/bytes?size=3000000").body == known_bytes(3000000)
    content = known_bytes(1_000_000)
    assert connection.request("POST", f"{path}/mirror", body=content).body == content


def test_downloads_survive_loss(bed, connect, way):
    to, path = way
    connection = connect(to=to, timeout=60)
    bed.drop_packets("client", 1)
    bed.drop_packets("be1", 1)
    assert connection.get(f"{path}/bytes?size=2000000").body == known_bytes(2000000)


def test_the_backend_learns_the_client(connect, way):
    to, path = way
    own = CLIENT_IP6 if to == OUTSIDE_IP6 else CLIENT_IP
    lines = json.loads(connect(to=to).get(f"{path}/sum").body)["lines"]
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert fields["x-forwarded-for"] == own
    assert fields["forwarded"].startswith(f'for="[{own}]";' if ":" in own else f'for="{own}";')


def test_balanced_over_ipv6_endpoints(gateway, connect):
    before = gateway.stats()
    connection = connect(to=OUTSIDE_IP6)
    seen = [json.loads(connection.get("/v1/orders/six/1", ("X-API-Key", settings.GLOBEX_KEY),
        host=settings.HOST).body)["backend"] for _ in range(9)]
    after = gateway.stats()
    assert sorted(seen) == sorted([*BACKENDS] * 3)
    for address in BACKENDS6.values():
        name = f"[{address}]:8080"
        assert after.endpoint(name)["requests"] == before.endpoint(name)["requests"] + 3


def test_the_access_log_has_the_address_in_brackets(gateway, connect):
    marker = "/v1/orders/six/marker"
    connect(to=OUTSIDE_IP6).get(marker, ("X-API-Key", settings.GLOBEX_KEY), host=settings.HOST)

    def line():
        with open(gateway.access_log, encoding="utf-8") as f:
            return [json.loads(text) for text in f if marker in text]
    record = wait_for(line, 5, "the request's line in the access log")[0]
    assert record["client"].startswith(f"[{CLIENT_IP6}]:")
    assert record["endpoint"].startswith("[fd00:72::")


def test_explain_names_the_endpoint(gateway):
    told = gateway.ctl("explain", f"GET http://{settings.HOST}/v1/orders/six/1", "--key", settings.GLOBEX_KEY)
    assert "orders6" in told


def test_an_absent_neighbour_is_a_503_in_three_seconds(connect):
    answer = connect(to=OUTSIDE_IP6, timeout=10).get("/absent6/x")
    assert answer.status in (502, 503, 504)


def test_many_short_connections(bed, gateway, connect):
    for _ in range(300):
        with bed.connect("client", OUTSIDE_IP6, 80) as sock:
            sock.sendall(b"GET /six/x HTTP/1.1\r\nHost: echo.example\r\nConnection: close\r\n\r\n")
            assert sock.recv(12) == b"HTTP/1.1 200"


def groups(bed, interface):
    told = json.loads(bed.run("gw", "ip", "-j", "maddress", "show", "dev", interface).stdout)
    return {entry["link"] for entry in told[0]["maddr"] if "link" in entry}


def test_the_interface_lets_the_groups_in(bed, gateway):
    assert groups(bed, "sl-out") >= {"33:33:00:00:00:01", "33:33:ff:00:00:01"}
    assert groups(bed, "sl-in") >= {"33:33:00:00:00:01", "33:33:ff:00:00:01"}


@pytest.fixture
def snooping(bed):
    """The backends' switch asks who listens to which group, and sends them to no other port."""
    bed.run("sw", "sysctl", "-qw", "net.ipv6.conf.br0.accept_dad=0", "net.ipv6.conf.br0.disable_ipv6=0")
    bed.ip("sw", "link", "set", "br0", "type", "bridge", "mcast_snooping", "1", "mcast_querier", "1",
        "mcast_query_response_interval", "100")
    yield
    bed.ip("sw", "link", "set", "br0", "type", "bridge", "mcast_querier", "0", "mcast_snooping", "0")
    bed.run("sw", "sysctl", "-qw", "net.ipv6.conf.br0.disable_ipv6=1")


def test_a_snooping_switch_learns_our_groups(bed, gateway, snooping):
    def groups_at_the_gateway():
        told = json.loads(bed.run("sw", "bridge", "-j", "mdb", "show").stdout)
        return {entry["grp"] for part in told for entry in part.get("mdb", []) if entry["port"] == "gw"}
    wait_for(lambda: "ff02::1:ff00:1" in groups_at_the_gateway(), 15, "our report in the switch's table")
    bed.run("be1", "ip", "-6", "neigh", "flush", "dev", "eth0")
    # Nothing listens there: refused by the gateway itself, which be1 has found by multicast.
    with pytest.raises(ConnectionRefusedError):
        bed.connect("be1", INSIDE_IP6, 9, timeout=5)
