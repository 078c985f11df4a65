# SPDX-License-Identifier: Apache-2.0
"""What pages of other origins get, with curl in the place of the browser and nginx behind."""
import settings
from bed import OUTSIDE_IP
from sluice import key_digest

HOST = "cors.example"
PAGE = "https://shop.example"
KEY = f"ak_test_{key_digest('page')[:32]}"
API = """apis = (
  { name = "cors"; hosts = [ "cors.example" ]; auth = [ "api_key" ];
    cors: { origins = [ "https://shop.example" ]; methods = [ "GET", "PUT" ]; fields = [ "Content-Type", "X-API-Key" ];
      expose = [ "Retry-After" ]; credentials = true; max_age = "10m"; };
    routes = ( { path = "/orders/*"; backend = "orders"; },
      { path = "/open"; reply: { body = "ok\\n"; }; cors: { origins = [ "*" ]; }; } ); },"""
PLAN = """plans = (
  { name = "page"; apis = [ "cors" ]; limits = ( { rate = "1/hour"; burst = 1; } ); },"""
CONSUMER = f"""consumers = (
  {{ name = "page"; plan = "page"; keys = ( {{ id = "1"; sha256 = "{key_digest(KEY)}"; }} ); }},"""


def with_cors(gateway):
    text = settings.config()
    for begin, more in (("apis = (", API), ("plans = (", PLAN), ("consumers = (", CONSUMER)):
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
    status, told = ask(bed, "/none")
    assert status == 404 and told["access-control-allow-origin"] == PAGE
    status, told = ask(bed, "/orders/1", f"X-API-Key: {settings.GLOBEX_KEY}")
    assert status == 403 and told["access-control-allow-origin"] == PAGE
    assert preflight(bed, "GET", "x-api-key")[0] == 204
    status, told = ask(bed, "/orders/1", f"X-API-Key: {KEY}")
    assert status == 200 and told["access-control-allow-origin"] == PAGE
    status, told = ask(bed, "/orders/1", f"X-API-Key: {KEY}")
    assert status == 429 and told["access-control-allow-origin"] == PAGE
    assert told["access-control-expose-headers"] == "Retry-After" and int(told["retry-after"]) > 1
    status, told = ask(bed, "/orders/1", origin="https://evil.example")
    assert status == 401 and told["vary"] == "Origin" and "access-control-allow-origin" not in told
