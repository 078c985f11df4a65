# SPDX-License-Identifier: Apache-2.0
"""TLS to backends: a real nginx that shows good and bad certificates, demands one, and says what it was shown."""
import json
import os
import subprocess
import sys
import time

import pytest

import settings
from bed import BACKENDS, GATEWAY_CPU, OTHER_CPU

pytestmark = pytest.mark.asan

ADDRESS = BACKENDS["be1"]
NAME = "orders.internal"
# Each server of nginx: its port, the certificate that it shows, what else it is told.
SERVERS = {
    "good": (8443, "good", ""), "addressed": (8444, "addressed", ""), "expired": (8445, "expired", ""),
    "other": (8446, "other-good", ""), "old": (8448, "good", "ssl_protocols TLSv1.2;"),
    "demanding": (8447, "good", "ssl_client_certificate {tls}/ca.pem; ssl_verify_client on;"),
}
STRICT, CUTTING = 8450, 8451  # openssl s_server, which sends an alert where nginx would say 400; tls_origin.py
SAYS = ('{"reused":"$ssl_session_reused","name":"$ssl_server_name","protocol":"$ssl_protocol",'
    '"subject":"$ssl_client_s_dn","alpn":"$ssl_alpn_protocol"}')
NAMED = f'server_name = "{NAME}";'
# What backends.tls says for each route, and the port that it leads to.
ROUTES = {
    "good": (8443, NAMED), "otherwise": (8443, 'server_name = "invoices.internal";'), "noaddress": (8443, ""),
    "address": (8444, ""), "expired": (8445, NAMED), "other": (8446, NAMED), "old": (8448, NAMED),
    "shown": (8447, NAMED + ' certificate = "client";'), "unshown": (STRICT, NAMED), "cutting": (CUTTING, NAMED),
}


def endpoint(route):
    return f"{ADDRESS}:{ROUTES[route][0]}"


def make(tls):
    """Two authorities and what they signed. `openssl req` knows no dates in the past, `openssl ca` does."""
    def openssl(*argv):
        subprocess.run(["openssl", *argv], check=True, capture_output=True, cwd=tls)
    leaves = {
        "good": ("ca", f"subjectAltName=DNS:{NAME}", "240101000000Z", "491231000000Z"),
        "addressed": ("ca", f"subjectAltName=IP:{ADDRESS}", "240101000000Z", "491231000000Z"),
        "expired": ("ca", f"subjectAltName=DNS:{NAME}", "200101000000Z", "210101000000Z"),
        "other-good": ("other", f"subjectAltName=DNS:{NAME}", "240101000000Z", "491231000000Z"),
        "client": ("ca", "extendedKeyUsage=clientAuth", "240101000000Z", "491231000000Z"),
    }
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for ca in ("ca", "other"):
        openssl("req", "-x509", *new, "-days", "3000", "-subj", f"/CN={ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
    for name, (ca, extension, start, end) in leaves.items():
        with open(os.path.join(tls, "ca.conf"), "w", encoding="ascii") as f:
            f.write(f"[ca]\ndefault_ca = it\n[it]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n"
                f"unique_subject = no\ndefault_md = sha256\npolicy = any\nx509_extensions = more\n"
                f"[any]\ncommonName = supplied\n[more]\n{extension}\n")
        open(os.path.join(tls, "index"), "w", encoding="ascii").close()
        openssl("req", "-new", *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("ca", "-batch", "-notext", "-config", "ca.conf", "-keyfile", f"{ca}.key", "-cert", f"{ca}.pem",
            "-in", f"{name}.csr", "-startdate", start, "-enddate", end, "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def backend(bed, session_gateway):
    """The nginx with its servers. @return the folder of the certificates, which the configuration names, too"""
    tls = os.path.join(session_gateway.dir, "backend-tls")
    os.makedirs(tls)
    make(tls)
    servers = "\n".join(f"""server {{ listen {ADDRESS}:{number} ssl; ssl_certificate {tls}/{shown}.pem;
        ssl_certificate_key {tls}/{shown}.key; {more.format(tls=tls)}
        location ~ /close/ {{ keepalive_timeout 0; return 200 '{SAYS}'; }} location / {{ return 200 '{SAYS}'; }} }}"""
        for number, shown, more in SERVERS.values())
    prefix = bed.path("secure")
    os.makedirs(prefix)
    path = os.path.join(prefix, "nginx.conf")
    temporary = " ".join(f"{kind}_temp_path {prefix}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(path, "w", encoding="ascii") as f:
        f.write(f"daemon off; master_process off; pid {prefix}/pid; error_log stderr warn; events {{ }}\n"
            f"http {{ access_log off; {temporary} ssl_session_cache shared:s:1m; ssl_protocols TLSv1.2 TLSv1.3; keepalive_timeout 1h;\n{servers}\n}}\n")
    bed.spawn("secure", "be1", "nginx", "-p", prefix, "-c", path, "-e", "stderr", cpu=OTHER_CPU)
    shown = [os.path.join(tls, name) for name in ("good.pem", "good.key")]
    bed.spawn("strict", "be1", "openssl", "s_server", "-accept", f"{ADDRESS}:{STRICT}", "-cert", shown[0], "-key", shown[1],
        "-CAfile", os.path.join(tls, "ca.pem"), "-Verify", "1", "-verify_return_error", "-www", cpu=OTHER_CPU)
    bed.spawn("cutting", "be1", sys.executable, os.path.join(os.path.dirname(__file__), "tls_origin.py"), ADDRESS,
        str(CUTTING), *shown, cpu=OTHER_CPU)
    for name, number in (("secure", 8443), ("strict", STRICT), ("cutting", CUTTING)):
        bed.wait_port("be1", ADDRESS, number, name)
    yield tls
    for name in ("secure", "strict", "cutting"):
        bed.stop(name)


def config(ca="backend-tls/ca.pem", more="", clear=(), **arguments):
    backends = "".join(f"""
  {{ name = "tls-{route}"; connect_timeout = "2s"; retry_after = "1s"; {more}
    {"" if route in clear else f'tls: {{ ca = "{ca}"; {said_of} }};'}
    endpoints = ( {{ address = "{endpoint(route)}"; }} ); }},""" for route, (_, said_of) in ROUTES.items())
    routes = ", ".join(f'{{ path = "/{route}/*"; backend = "tls-{route}"; }}' for route in ROUTES)
    text = settings.config(**arguments)
    text = text.replace("backends = (", "backends = (" + backends, 1)
    text = text.replace("apis = (", f'apis = (\n  {{ name = "secured"; hosts = [ "secured.example" ]; routes = ( {routes} ); }},', 1)
    return text.replace("certificates = (",
        'certificates = (\n  { name = "client"; certificate = "backend-tls/client.pem"; key = "backend-tls/client.key"; },', 1)


@pytest.fixture
def get(connect):
    """get(route): the answer to a request of a new client."""
    return lambda route, path="x", method="GET": connect().request(method, f"/{route}/{path}", host="secured.example")


@pytest.fixture
def secured(backend, gateway):
    gateway.apply(config())
    return gateway


def said(answer):
    assert answer.status == 200, answer
    return json.loads(answer.body)


def refused(answer):
    assert answer.status == 502 and json.loads(answer.body)["type"].endswith("backend_tls"), answer
    return True


def count(gateway, route, name):
    """A counter of the route's endpoint: that of its backend, as several backends have it."""
    backend, = (b for b in gateway.stats().tree["backends"] if b["name"] == f"tls-{route}")
    return backend["endpoints"][0][name]


def failed(bed, route, why):
    """Whether control said so: its log gets the workers' events after a moment."""
    line = f"backend tls-{route}: TLS with endpoint {endpoint(route)} failed: {why}"
    for _ in range(50):
        if line in bed.log_tail("control", 100):
            return True
        time.sleep(0.1)
    raise AssertionError((line, bed.log_tail("control", 20)))


def test_a_verified_backend_answers_and_is_told_the_name(secured, get):
    before = count(secured, "good", "tls_handshakes")
    told = said(get("good"))
    assert (told["name"], told["protocol"], told["alpn"], told["subject"]) == (NAME, "TLSv1.3", "http/1.1", "")
    assert count(secured, "good", "tls_handshakes") - before <= 1 and count(secured, "good", "tls_handshakes") > 0
    assert said(get("old"))["protocol"] == "TLSv1.2"


def test_an_address_has_to_be_in_the_certificate_where_no_name_is_set(secured, get, bed):
    assert said(get("address"))["name"] == ""
    assert refused(get("noaddress")) and failed(bed, "noaddress", "IP address mismatch")


@pytest.mark.parametrize("route, why", [("otherwise", "hostname mismatch"), ("expired", "certificate has expired"),
    ("other", "unable to get local issuer certificate")])
def test_a_backend_that_proves_nothing_gets_no_request(secured, get, bed, route, why):
    before, failures = secured.stats().reason("backend_tls"), count(secured, route, "tls_failures")
    assert refused(get(route)) and failed(bed, route, why)
    assert secured.stats().reason("backend_tls") == before + 1
    assert count(secured, route, "tls_failures") > failures


def test_a_client_certificate_is_shown_where_one_is_set(secured, get):
    assert said(get("shown"))["subject"] == "CN=client"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_backend_that_misses_a_client_certificate_is_named(secured, get, bed, method):
    # TLS 1.3: its alert comes behind the handshake, as the response to the request.
    assert refused(get("unshown", method=method)) and failed(bed, "unshown", "tlsv13 alert certificate required")


@pytest.mark.parametrize("route", ["good", "old"])
def test_connections_and_sessions_are_reused(secured, get, route):
    said(get(route))
    before = {name: count(secured, route, name) for name in ("connects", "tls_resumed", "reused")}
    for _ in range(5):
        said(get(route))
    assert count(secured, route, "connects") == before["connects"]
    assert count(secured, route, "reused") == before["reused"] + 5
    # The connection is closed behind each of these.
    for _ in range(3):
        said(get(route, "close/x"))
    assert said(get(route, "close/x"))["reused"] == "r"
    assert count(secured, route, "tls_resumed") >= before["tls_resumed"] + 3


def test_a_response_without_an_end_of_its_own_ends_by_close_notify(secured, get, connect):
    assert get("cutting", "counted").body == b"all of it\n"
    answer = get("cutting", "closed")
    assert answer.body == b"all of it\n" and answer.complete
    before = secured.stats().reason("backend_truncated")
    connection = connect()
    connection.request("GET", "/cutting/cut", host="secured.example", read=False)
    with pytest.raises(ConnectionResetError):
        while connection.sock.recv(65536):
            pass
    assert secured.stats().reason("backend_truncated") == before + 1


def test_an_apply_with_other_authorities_verifies_from_the_start(secured, get):
    assert said(get("good")) and refused(get("other"))
    secured.apply(config(ca="backend-tls/other.pem"))
    # The pooled connection, and the session, are those of the authorities before.
    assert refused(get("good")) and said(get("other"))
    secured.apply(config())
    assert said(get("good"))["reused"] == "." and refused(get("other"))


def test_an_apply_that_changes_something_else_keeps_connections(secured, get):
    said(get("good"))
    before = count(secured, "good", "connects")
    secured.apply(config(weights=(5, 3, 1), listeners=',\n  { name = "more"; port = "outside"; bind = "10.71.0.1:8080"; }'))
    said(get("good"))
    assert count(secured, "good", "connects") == before


def test_clear_connections_end_where_tls_begins(secured, get):
    secured.apply(config(clear=["good"]))
    answer = get("good")
    assert answer.status == 400 and b"The plain HTTP request was sent to HTTPS port" in answer.body, answer
    secured.apply(config())
    assert said(get("good"))["name"] == NAME


@pytest.mark.parametrize("kind", ['path = "/x"', 'type = "tcp"'])
def test_health_checks_speak_tls(secured, backend, get, kind):
    secured.apply(config(more=f'health: {{ {kind}; interval = "100ms"; jitter = "20ms"; rise = 1; fall = 1; }};'))
    def until(route, name, value):
        for _ in range(100):
            if count(secured, route, name) == value:
                return True
            time.sleep(0.1)
        raise AssertionError((route, name, count(secured, route, name)))
    assert until("other", "down", 1) and until("expired", "down", 1)
    assert count(secured, "old", "down") == 0 and count(secured, "old", "checks") > 0
    assert count(secured, "old", "check_failures") == 0
    assert "backend_tls" in secured.ctl("stats", "--backends", "--json")


def test_two_workers_speak_tls(bed, backend, gateway, get):
    bed.stop("control")
    bed.stop("dataplane")
    gateway.write_config(config(lcores=(OTHER_CPU, GATEWAY_CPU)))
    gateway.start()
    for _ in range(20):
        assert said(get("good"))["name"] == NAME and refused(get("other"))
    assert all(w["requests"] > 0 for w in gateway.ctl_json("stats", "--workers")["workers"])
    bed.stop("control")
    bed.stop("dataplane")  # the next test begins with one worker
