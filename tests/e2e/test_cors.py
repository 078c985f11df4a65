# SPDX-License-Identifier: Apache-2.0
"""What pages of other origins get: with curl in the place of the browser, and with Chromium itself; nginx behind."""
import json
import os
import sys

import settings
from bed import OUTSIDE_IP
from sluice import key_digest

HOST = "cors.example"
PAGE = "https://shop.example"
BROWSER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "browser.py")
# Each has one request an hour, and is one test's.
KEYS = {name: f"ak_test_{key_digest(name)[:32]}" for name in ("curl", "chromium")}
API = """apis = (
  { name = "cors"; hosts = [ "cors.example" ]; auth = [ "api_key" ];
    cors: { origins = [ "https://shop.example", "http://localhost:8100" ]; methods = [ "GET", "PUT" ];
      fields = [ "Content-Type", "X-API-Key" ]; expose = [ "Retry-After" ]; credentials = true; max_age = "10m"; };
    routes = ( { path = "/orders/*"; backend = "orders"; } ); },
  { name = "open"; hosts = [ "cors.example" ];
    routes = ( { path = "/open"; reply: { body = "ok\\n"; }; cors: { origins = [ "*" ]; }; } ); },"""
PLAN = """plans = (
  { name = "page"; apis = [ "cors" ]; limits = ( { rate = "1/hour"; burst = 1; } ); },"""
CONSUMERS = "consumers = (" + "".join(
    f'\n  {{ name = "{name}"; plan = "page"; keys = ( {{ id = "1"; sha256 = "{key_digest(key)}"; }} ); }},'
    for name, key in KEYS.items())


def with_cors(gateway):
    text = settings.config()
    for begin, more in (("apis = (", API), ("plans = (", PLAN), ("consumers = (", CONSUMERS)):
        assert begin in text
        text = text.replace(begin, more, 1)
    gateway.apply(text)


def ask(bed, path, *fields, method="GET", origin=PAGE):
    """The status of a response, and its fields by their names in small letters; those that repeat, joined by commas."""
    argv = [part for field in fields for part in ("-H", field)]
    head = bed.run("client", "curl", "-gsS", "-o", "/dev/null", "-D", "-", "--resolve", f"{HOST}:80:{OUTSIDE_IP}", "-X", method,
        "-H", f"Origin: {origin}", *argv, f"http://{HOST}{path}").stdout
    status, *lines = head.splitlines()
    told = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        name = name.lower()
        told[name] = f"{told[name]}, {value.strip()}" if name in told else value.strip()
    return int(status.split()[1]), told


def counters(gateway):
    api = next(a for a in gateway.ctl_json("stats", "--apis")["apis"] if a["name"] == "cors")
    return api["preflights"], api["preflights_refused"]


def preflight(bed, method, fields, origin=PAGE):
    return ask(bed, "/orders/1", f"Access-Control-Request-Method: {method}", f"Access-Control-Request-Headers: {fields}",
        method="OPTIONS", origin=origin)


def test_a_preflight_needs_no_key(bed, gateway):
    with_cors(gateway)
    answered, refused = counters(gateway)
    status, told = preflight(bed, "PUT", "content-type,x-api-key")
    assert status == 204
    assert told["access-control-allow-origin"] == PAGE and told["access-control-allow-credentials"] == "true"
    assert told["access-control-allow-methods"] == "GET, PUT" and told["access-control-max-age"] == "600"
    assert told["access-control-allow-headers"] == "Content-Type, X-API-Key" and told["vary"] == "Origin"
    assert preflight(bed, "DELETE", "content-type")[1]["access-control-allow-methods"] == "GET, PUT"
    assert preflight(bed, "PUT", "x-debug")[1]["access-control-allow-headers"] == "Content-Type, X-API-Key"
    status, told = preflight(bed, "PUT", "content-type", origin="https://evil.example")
    assert status == 403 and not [name for name in told if name.startswith("access-control")]
    assert counters(gateway) == (answered + 1, refused + 3)
    explained = gateway.ctl_json("explain", f"OPTIONS http://{HOST}/orders/1", "--header", f"Origin: {PAGE}",
        "--header", "Access-Control-Request-Method: DELETE")
    assert (explained["status"], explained["reason"]) == (204, "cors_method")


def test_a_page_reads_what_it_may(bed, gateway):
    with_cors(gateway)
    status, told = ask(bed, "/orders/1")
    assert status == 401 and told["access-control-allow-origin"] == PAGE and told["vary"] == "Origin"
    status, told = ask(bed, "/orders/1", method="TRACE")
    assert status == 405 and told["access-control-allow-origin"] == PAGE
    status, told = ask(bed, "/orders/1", f"X-API-Key: {settings.GLOBEX_KEY}")
    assert status == 403 and told["access-control-allow-origin"] == PAGE
    assert preflight(bed, "GET", "x-api-key")[0] == 204
    status, told = ask(bed, "/orders/1", f"X-API-Key: {KEYS['curl']}")
    assert status == 200 and told["access-control-allow-origin"] == PAGE
    status, told = ask(bed, "/orders/1", f"X-API-Key: {KEYS['curl']}")
    assert status == 429 and told["access-control-allow-origin"] == PAGE
    assert told["access-control-expose-headers"] == "Retry-After" and int(told["retry-after"]) > 1
    status, told = ask(bed, "/orders/1", origin="https://evil.example")
    assert status == 401 and told["vary"] == "Origin" and "access-control-allow-origin" not in told


def browse(bed, port):
    """What the page at http://localhost:PORT found out."""
    return json.loads(bed.run("client", sys.executable, BROWSER, str(port), HOST, OUTSIDE_IP, KEYS["chromium"], timeout=90).stdout)


def test_chromium_holds_pages_to_it(bed, gateway):
    with_cors(gateway)
    answered, refused = counters(gateway)
    found = browse(bed, 8100)
    assert found["without a key"] == [401, None, None]
    assert found["put"][0] == 200
    # The limit's one request is gone; the script may read for how long, and nothing else.
    status, retry_after, etag = found["over the limit"]
    assert status == 429 and int(retry_after) > 1 and etag is None
    assert found["method"] is None and found["field"] is None
    assert found["any origin"][0] == 200 and found["any origin with credentials"] is None
    # One was answered, for the browser keeps it for the requests behind.
    assert counters(gateway) == (answered + 1, refused + 2)
    found = browse(bed, 8101)
    assert [name for name in found if found[name]] == ["any origin"]
    assert counters(gateway) == (answered + 1, refused + 6)
