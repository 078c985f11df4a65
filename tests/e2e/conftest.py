# SPDX-License-Identifier: Apache-2.0
"""One bed and one gateway for all tests. A test that ends a process or changes the configuration uses the
same gateway; `gateway` puts it right again before the next test."""
import json
import os
import ssl
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "bed")]

import settings  # noqa: E402
from bed import BACKENDS, BACKENDS6, OTHER_CPU, OUTSIDE_IP, Bed, BedError, exit_on_signals  # noqa: E402
from client import Client  # noqa: E402
from sluice import Sluice, make_certificate  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "asan: worth a second run against the sanitized dataplane")


@pytest.fixture(scope="session")
def bed():
    exit_on_signals()
    with Bed() as bed:
        bed.up()
        for name, address in (("origin", BACKENDS["be1"]), ("origin6", BACKENDS6["be1"])):
            bed.spawn(name, "be1", sys.executable, os.path.join(HERE, "origin.py"), address,
                str(settings.ORIGIN_PORT), cpu=OTHER_CPU)
            bed.wait_port("be1", address, settings.ORIGIN_PORT, name)
        yield bed


@pytest.fixture(scope="session")
def session_gateway(bed):
    gateway = Sluice(bed)
    tls = os.path.join(gateway.dir, "tls")
    make_certificate(tls, "demo")
    make_certificate(tls, "other", host=settings.OTHER_HOST)
    gateway.write_config(settings.config())
    try:
        gateway.start()
    except BaseException:
        bed.print_logs()
        raise
    yield gateway
    # A sanitizer's finding at the very end shows in the exit status.
    ended = gateway.stop()
    if any(ended.values()):
        bed.print_logs(sys.stdout)
    assert not any(ended.values()), f"exit statuses: {ended}"


@pytest.fixture
def gateway(bed, session_gateway, request):
    """The running gateway with the base configuration; its logs are shown when the test fails."""
    sluice = session_gateway
    for role in BACKENDS:
        if not bed.alive(role):
            bed.start_backend(role)
    if not bed.alive("dataplane"):
        if bed.alive("control"):
            bed.stop("control")
        sluice.write_config(settings.config())
        sluice.start()
    elif not bed.alive("control"):
        sluice.write_config(settings.config())
        sluice.start_control()
        sluice.wait_attached()
    else:
        with open(sluice.config, encoding="utf-8") as f:
            changed = f.read() != settings.config()
        if changed:
            sluice.apply(settings.config())
    yield sluice
    for role in ("client", *BACKENDS):
        bed.drop_packets(role, 0)
    if getattr(request.node, "failed", False):
        bed.print_logs(sys.stdout)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.failed = True


@pytest.fixture
def connect(bed, gateway):
    """connect() opens a client's connection to the gateway; tls=… over TLS. All close with the test."""
    opened = []

    def open_one(tls=None, host=settings.HOST, port=None, timeout=15, rcvbuf=None, to=OUTSIDE_IP):
        context = None
        if tls:
            context = tls if isinstance(tls, ssl.SSLContext) else trusting(gateway)
        sock = bed.connect("client", to, port or (443 if tls else 80), timeout=timeout, rcvbuf=rcvbuf)
        client = Client(sock, context, host)
        opened.append(client)
        return client
    yield open_one
    for client in opened:
        client.close()


def trusting(gateway, name="demo"):
    """A TLS context that trusts that certificate of the gateway alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(os.path.join(gateway.dir, "tls", name + ".pem"))
    return context


class Load:
    """wrk in the background on a key without a limit, over keep-alive connections.

    with load(seconds=4) as running: change something
    running.result has the figures; lost() is what a client would call a failed request.
    """

    def __init__(self, bed, seconds, connections=8, url=f"http://{OUTSIDE_IP}", path="/v1/orders/load"):
        self.bed, self.seconds = bed, seconds
        keys = bed.path("load.keys")
        with open(keys, "w", encoding="ascii") as f:
            f.write(settings.GLOBEX_KEY + "\n")
        self.argv = bed.argv("client", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s",
            "-s", os.path.join(ROOT, "bench", "peers", "keys.lua"), url + path, cpu=OTHER_CPU)
        self.env = {**os.environ, "KEYS_FILE": keys, "REQUEST_PATH": path}
        self.result = None

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env=self.env)
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
        text, _ = self.process.communicate(timeout=self.seconds + 30)
        for line in text.splitlines():
            if line.startswith("JSON "):
                self.result = json.loads(line[5:])
        if kind is None and self.result is None:
            raise BedError(f"wrk printed no figures:\n{text}")

    def lost(self):
        return self.result["errors"] + self.result["bad_status"]


@pytest.fixture
def load(bed, gateway):
    return lambda seconds, **kw: Load(bed, seconds, **kw)
