# SPDX-License-Identifier: Apache-2.0
"""A bed with bridges in the gateway's wires, where frames are lost and reordered without either end's
knowledge, one gateway, and peer.py as the kernel's backend."""
import os
import random
import socket
import ssl
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "bed")]

import peer  # noqa: E402
from bed import (BACKENDS, BACKENDS6, CLIENT_IP, GATEWAY_CPU, INSIDE_IP6, OTHER_CPU, OUTSIDE_IP, OUTSIDE_IP6,  # noqa: E402
    PATHS, Bed, exit_on_signals)
from sluice import DEMO_HOST, Sluice, make_certificate  # noqa: E402

BULK_PORT = 8091
LWIP_CLIENT, LWIP_BACKEND = "10.71.0.77", "10.72.0.77"
LINK_MTU = 9000  # of the wires up to the gateway's own, which are as AF_XDP wants them
PEERS = [(role, "eth0") for role in ("client", *BACKENDS)]
PATIENCE = int(os.environ.get("PATIENCE", "60"))  # seconds without a byte


def pytest_configure(config):
    config.addinivalue_line("markers", "short: one of each kind, in seconds; the end-to-end ring runs these")


@pytest.fixture(scope="session")
def seed():
    """Of contents and of paths; SEED in the environment repeats one."""
    return int(os.environ.get("SEED", random.randrange(1 << 31)))


def config(mtu=0):
    return f"""
version = 1;
dataplane: {{
  lcores = [ {GATEWAY_CPU} ];
  ecn = "on";
  ports = (
    {{ name = "outside"; device = "auto:sl-out"; addresses = [ "10.71.0.1/24", "{OUTSIDE_IP6}/64" ];
      gateways = [ "{CLIENT_IP}" ]; mtu = {mtu}; }},
    {{ name = "inside"; device = "auto:sl-in"; addresses = [ "10.72.0.1/24", "{INSIDE_IP6}/64" ]; mtu = {mtu}; }} );
}};
timeouts: {{ body = "120s"; send = "120s"; }};
limits: {{ body = "2GiB"; }};
certificates = ( {{ name = "demo"; certificate = "tls/demo.pem"; key = "tls/demo.key"; }} );
listeners = (
  {{ name = "web"; port = "outside"; bind = "10.71.0.1:80"; }},
  {{ name = "tls"; port = "outside"; bind = "10.71.0.1:443"; tls: {{ certificates = [ "demo" ]; }}; }},
  {{ name = "web6"; port = "outside"; bind = "[{OUTSIDE_IP6}]:80"; }} );
backends = (
  {{ name = "bulk"; connect_timeout = "10s"; endpoints = ( {{ address = "{BACKENDS["be1"]}:{BULK_PORT}"; }} ); }},
  {{ name = "lwip"; connect_timeout = "10s"; endpoints = ( {{ address = "{LWIP_BACKEND}:{BULK_PORT}"; }} ); }},
  {{ name = "narrow"; connect_timeout = "10s"; endpoints = ( {{ address = "{BACKENDS["be2"]}:{BULK_PORT}"; }} ); }},
  {{ name = "narrowing"; connect_timeout = "10s"; endpoints = ( {{ address = "{BACKENDS["be3"]}:{BULK_PORT}"; }} ); }},
  {{ name = "bulk6"; connect_timeout = "10s"; endpoints = ( {{ address = "[{BACKENDS6["be1"]}]:{BULK_PORT}"; }} ); }} );
apis = (
  {{ name = "bulk"; hosts = [ "bulk.example" ];
    routes = (
      {{ path = "/bulk/*"; backend = "bulk"; timeout = "120s"; }},
      {{ path = "/lwip/*"; backend = "lwip"; timeout = "120s"; }},
      {{ path = "/narrow/*"; backend = "narrow"; timeout = "120s"; }},
      {{ path = "/narrowing/*"; backend = "narrowing"; timeout = "120s"; }},
      {{ path = "/six/*"; backend = "bulk6"; timeout = "120s"; }} ); }} );
"""


@pytest.fixture(scope="session")
def bed():
    exit_on_signals()
    with Bed() as bed:
        bed.up(paths=True)
        for role, interface in [(path, "far") for path in PATHS] + [("sw", i) for i in ("gw", *BACKENDS)] + PEERS:
            bed.set_mtu(role, interface, LINK_MTU)
        for name, role, address in (("bulk", "be1", BACKENDS["be1"]), ("bulk6", "be1", BACKENDS6["be1"]),
                ("narrow", "be2", BACKENDS["be2"]), ("narrowing", "be3", BACKENDS["be3"])):
            bed.spawn(name, role, sys.executable, os.path.join(HERE, "peer.py"), address, str(BULK_PORT),
                cpu=OTHER_CPU)
            bed.wait_port(role, address, BULK_PORT, name)
        yield bed


@pytest.fixture(scope="session")
def session_gateway(bed):
    gateway = Sluice(bed)
    make_certificate(os.path.join(gateway.dir, "tls"), "demo", host=DEMO_HOST)
    gateway.write_config(config())
    try:
        gateway.start()
    except BaseException:
        bed.print_logs()
        raise
    yield gateway
    ended = gateway.stop()
    if any(ended.values()):
        bed.print_logs(sys.stdout)
    assert not any(ended.values()), f"exit statuses: {ended}"


@pytest.fixture
def gateway(bed, session_gateway, request, seed):
    """The running gateway between faultless paths."""
    print(f"SEED={seed}")
    before = session_gateway.stats()
    yield session_gateway
    for path in PATHS:
        bed.lose(path, 0)
        text = bed.stop_path(path)
        if text:
            print(f"{path}: {text}")
    for role, interface in PEERS:
        bed.set_mtu(role, interface, LINK_MTU)
    if getattr(request.node, "failed", False):
        after = session_gateway.stats()
        for section in ("tcp", "drops"):
            moved = {name: n - before.tree[section][name] for name, n in after.tree[section].items()
                if n != before.tree[section][name]}
            print(f"{section}: {moved}")
        bed.print_logs(sys.stdout)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.failed = True


@pytest.fixture
def connect(bed, gateway):
    """connect() opens a client's connection to the gateway. All close with the test."""
    opened = []

    def open_one(tls=False, to=OUTSIDE_IP, port=None):
        sock = bed.connect("client", to, port or (443 if tls else 80), timeout=PATIENCE)
        if tls:
            context = ssl.create_default_context(cafile=gateway.certificate)
            sock = context.wrap_socket(sock, server_hostname=DEMO_HOST)
        opened.append(sock)
        return sock
    yield open_one
    for sock in opened:
        sock.close()


@pytest.fixture
def transfer(connect, seed):
    """transfer(direction, size): over a new connection; fails unless every byte arrived in its place."""
    def one(direction, size, path="/bulk/", **kw):
        move = {"download": peer.download, "upload": peer.upload}[direction]
        got = move(connect(**kw), size, seed, path)
        assert got == peer.digest(size, seed), f"{direction} of {size} bytes with SEED={seed}: other content"
    return one
