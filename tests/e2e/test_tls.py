# SPDX-License-Identifier: Apache-2.0
"""TLS as OpenSSL's own client and Python's see it."""
import hashlib
import json
import os
import re
import ssl
import time

import pytest

import settings
from bed import OUTSIDE_IP
from conftest import trusting
from origin import known_bytes
from sluice import make_certificate

KEY = ("X-API-Key", settings.GLOBEX_KEY)


def s_client(bed, gateway, *args):
    with open(os.devnull, encoding="ascii") as nothing:
        done = bed.run("client", "openssl", "s_client", "-connect", f"{OUTSIDE_IP}:443", *args,
            "-CAfile", os.path.join(gateway.dir, "tls", "demo.pem"), stdin=nothing, check=False)
    return done.stdout + done.stderr


@pytest.mark.asan
@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_openssl_speaks_that_version(bed, gateway, version):
    text = s_client(bed, gateway, f"-{version}", "-servername", settings.HOST, "-verify_return_error", "-brief")
    assert f"Protocol version: TLSv{version[3:].replace('_', '.')}" in text, text
    assert "Verification: OK" in text, text


def test_tls_1_1_is_refused(bed, gateway):
    text = s_client(bed, gateway, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-servername", settings.HOST, "-brief")
    assert "Protocol version" not in text


def test_alpn_chooses_http_1_1(connect, gateway):
    context = trusting(gateway)
    context.set_alpn_protocols(["h2", "http/1.1"])
    assert connect(tls=context).sock.selected_alpn_protocol() == "http/1.1"


def test_the_server_name_chooses_the_certificate(bed, gateway):
    def subject(*args):
        return re.search(r"subject=.*?CN = (\S+)", s_client(bed, gateway, *args)).group(1)
    assert subject("-servername", settings.OTHER_HOST) == settings.OTHER_HOST
    assert subject("-servername", settings.HOST) == settings.HOST
    assert subject("-noservername") == settings.HOST, "the first certificate is the default"


@pytest.mark.asan
def test_a_body_passes_both_ways(connect):
    connection, content = connect(tls=True, timeout=60), known_bytes(3_000_000)
    seen = json.loads(connection.request("POST", "/patient/sum", body=content).body)
    assert seen["sha256"] == hashlib.sha256(content).hexdigest()
    assert connection.get("/patient/bytes?size=3000000").body == content


def test_large_downloads_arrive_whole(connect):
    assert connect(tls=True, timeout=60).get(f"/patient/bytes?size={32 << 20}").body == known_bytes(32 << 20)


def test_pipelined_requests_in_one_record(connect):
    connection = connect(tls=True)
    connection.send("".join(
        f"GET /echo/bytes?size={i} HTTP/1.1\r\nHost: echo.example\r\n\r\n" for i in range(1, 11)))
    assert [len(connection.answer().body) for _ in range(10)] == list(range(1, 11))


def test_a_session_is_resumed(bed, gateway, connect):
    context = trusting(gateway)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    first = connect(tls=context)
    first.get("/echo/bytes?size=1")
    session = first.sock.session
    sock = bed.connect("client", OUTSIDE_IP, 443)
    with context.wrap_socket(sock, server_hostname=settings.HOST, session=session) as again:
        assert again.session_reused


def test_clear_text_on_the_tls_port_is_told(gateway, connect):
    connection = connect(port=443)
    connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    connection.sock.settimeout(3)
    answer = connection.sock.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ") and b"urn:sluice:problem:clear_on_tls" in answer
    gateway.check_alive()


def test_a_broken_handshake_is_counted(gateway, connect):
    before = gateway.stats().worker("tls_failures")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(tls=trusting(gateway, "other"), host=settings.HOST)
    time.sleep(0.2)
    assert gateway.stats().worker("tls_failures") > before


def test_a_new_certificate_is_live_after_apply_and_no_request_is_lost(gateway, connect, load):
    def served():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return hashlib.sha256(connect(tls=context).sock.getpeercert(binary_form=True)).hexdigest()
    old = served()
    kept = connect(tls=True)
    kept.get("/echo/bytes?size=1")
    with load(4, url=f"https://{OUTSIDE_IP}") as running:
        time.sleep(1)
        make_certificate(os.path.join(gateway.dir, "tls"), "demo")
        gateway.apply()
        time.sleep(0.5)
        assert served() != old
        assert kept.get("/echo/bytes?size=2").status == 200, "an open connection goes on"
    assert running.lost() == 0 and running.result["requests"] > 100, running.result
