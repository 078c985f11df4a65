# SPDX-License-Identifier: Apache-2.0
"""The configuration that the tests run with, and its names and keys."""
from bed import BACKEND_PORT, BACKENDS, BACKENDS6, GATEWAY_CPU, INSIDE_IP6, OUTSIDE_IP6
from sluice import DEMO_HOST, key_digest

HOST = DEMO_HOST
ECHO_HOST = "echo.example"  # open to everyone, served by origin.py
OTHER_HOST = "other.example"
ORIGIN_PORT = 8090
ORIGIN = f"{BACKENDS['be1']}:{ORIGIN_PORT}"
ORIGIN6 = f"[{BACKENDS6['be1']}]:{ORIGIN_PORT}"

GLOBEX_KEY = "ak_live_globexglobexglobexglobexglobex01"
ACME_KEY = "ak_live_acmeacmeacmeacmeacmeacmeacme0123"
UNKNOWN_KEY = "ak_live_" + "0" * 32
# Of no one length, so that only a regular expression can tell it: Hyperscan finds it, not a comparison.
SCANNED = "^(sk|tok)-[0-9a-f]{4,12}(-[a-z]+)?$"
SCANNED_KEY = "tok-0123abcd-edge"
EXPIRED_KEY = "ak_live_expiredexpiredexpiredexpired0123"
# Consumers of plans with limits, one a test: tests do not eat each other's budget.
LIMITED = {name: f"ak_test_{key_digest(name)[:32]}" for name in ("rate", "refill", "reload", "restart", "control", "workers")}
PLAN_OF = {"rate": "bronze", "refill": "bronze", "reload": "hourly", "restart": "hourly", "control": "hourly",
    "workers": "hourly"}
BRONZE_BURST = 5
HOURLY_BURST = 20

HEAD_TIMEOUT = 1.5
BODY_TIMEOUT = 1.5
IDLE_TIMEOUT = 3.0
ROUTE_TIMEOUT = 1.0
MBUFS = 32768


def _consumer(name, plan, key, more=""):
    return (f'  {{ name = "{name}"; plan = "{plan}"; keys = ( {{ id = "k1"; '
        f'sha256 = "{key_digest(key)}"; {more} }} ); }}')


def config(weights=(5, 3, 2), listeners="", extra="", lcores=(GATEWAY_CPU,), device="auto:{}",
        outside="", inside="", mbufs=MBUFS, patience=1):
    """The text of the configuration; arguments make the variants that tests apply. @param patience  how much longer
    clients may take: two workers leave them little of two cores"""
    endpoints = ", ".join(f'{{ address = "{address}:{BACKEND_PORT}"; weight = {weight}; }}'
        for address, weight in zip(BACKENDS.values(), weights) if weight)
    endpoints6 = ", ".join(f'{{ address = "[{address}]:{BACKEND_PORT}"; }}' for address in BACKENDS6.values())
    consumers = ",\n".join([_consumer("acme", "bronze", ACME_KEY), _consumer("globex", "gold", GLOBEX_KEY),
        _consumer("scanned", "gold", SCANNED_KEY), _consumer("late", "gold", EXPIRED_KEY, 'expires = "2020-01-01";'),
        *(_consumer(name, PLAN_OF[name], key) for name, key in LIMITED.items())])
    return f"""
version = 1;
dataplane: {{
  lcores = [ {", ".join(map(str, lcores))} ];
  mbufs = {mbufs};
  ports = (
    {{ name = "outside"; device = "{device.format("sl-out")}"; addresses = [ "10.71.0.1/24", "{OUTSIDE_IP6}/64" ]; {outside} }},
    {{ name = "inside"; device = "{device.format("sl-in")}"; addresses = [ "10.72.0.1/24", "{INSIDE_IP6}/64" ]; {inside} }} );
}};
timeouts: {{ head = "{int(patience * HEAD_TIMEOUT * 1000)}ms"; body = "{int(patience * BODY_TIMEOUT * 1000)}ms";
  idle = "{int(patience * IDLE_TIMEOUT * 1000)}ms"; send = "20s"; }};
certificates = (
  {{ name = "demo"; certificate = "tls/demo.pem"; key = "tls/demo.key"; }},
  {{ name = "other"; certificate = "tls/other.pem"; key = "tls/other.key"; }} );
listeners = (
  {{ name = "web"; port = "outside"; bind = "10.71.0.1:80"; }},
  {{ name = "tls"; port = "outside"; bind = "10.71.0.1:443";
    tls: {{ certificates = [ "demo", "other" ]; }}; }},
  {{ name = "web6"; port = "outside"; bind = "[{OUTSIDE_IP6}]:80"; }},
  {{ name = "tls6"; port = "outside"; bind = "[{OUTSIDE_IP6}]:443"; tls: {{ certificates = [ "demo" ]; }}; }}{listeners} );
backends = (
  {{ name = "orders"; balance = "round-robin"; connect_timeout = "500ms"; retry_after = "1s";
    endpoints = ( {endpoints} ); }},
  {{ name = "origin"; connect_timeout = "500ms"; endpoints = ( {{ address = "{ORIGIN}"; }} ); }},
  {{ name = "orders6"; balance = "round-robin"; connect_timeout = "500ms"; endpoints = ( {endpoints6} ); }},
  {{ name = "origin6"; connect_timeout = "500ms"; endpoints = ( {{ address = "{ORIGIN6}"; }} ); }},
  {{ name = "absent6"; connect_timeout = "5s"; endpoints = ( {{ address = "[fd00:72::99]:80"; }} ); }},
  {{ name = "mixed"; connect_timeout = "500ms"; retry_after = "1s";
    endpoints = ( {{ address = "{ORIGIN}"; }}, {{ address = "{BACKENDS['be2']}:{BACKEND_PORT}"; }} ); }},
  {{ name = "half"; connect_timeout = "500ms"; retry_after = "1s";
    endpoints = ( {{ address = "10.72.0.12:9"; }}, {{ address = "{ORIGIN}"; }} ); }},
  {{ name = "refusing"; connect_timeout = "500ms"; endpoints = ( {{ address = "10.72.0.12:9"; }} ); }},
  {{ name = "absent"; connect_timeout = "500ms"; endpoints = ( {{ address = "10.72.0.99:80"; }} ); }} );
credentials = (
  {{ name = "api_key"; in = "header"; header = "X-API-Key"; pattern = "^ak_(live|test)_[A-Za-z0-9]{{32}}$"; }},
  {{ name = "token"; in = "authorization"; scheme = "Bearer"; pattern = "{SCANNED}"; }},
  {{ name = "parameter"; in = "query"; parameter = "api_key"; pattern = "{SCANNED}"; }},
  {{ name = "session"; in = "cookie"; cookie = "key"; pattern = "{SCANNED}"; }} );
apis = (
  {{ name = "orders"; version = "v1"; hosts = [ "{HOST}" ]; auth = [ "api_key" ];
    routes = (
      {{ path = "/v1/orders/*"; backend = "orders"; }},
      {{ path = "/v1/orders/readonly"; methods = [ "GET" ]; backend = "orders"; }},
      {{ path = "/v1/orders/six/*"; backend = "orders6"; }},
      {{ path = "/v1/orders/origin/*"; backend = "origin"; }} ); }},
  {{ name = "catalog"; version = "v1"; hosts = [ "{HOST}" ]; auth = [ "api_key" ];
    routes = ( {{ path = "/v1/catalog/*"; backend = "orders"; }} ); }},
  {{ name = "scanned"; version = "v1"; hosts = [ "{HOST}" ]; auth = [ "token", "parameter", "session" ];
    routes = ( {{ path = "/v1/scanned/*"; backend = "orders"; }} ); }},
  {{ name = "echo"; hosts = [ "{ECHO_HOST}" ];
    routes = (
      {{ path = "/echo/*"; backend = "origin"; timeout = "{int(ROUTE_TIMEOUT * 1000)}ms"; }},
      {{ path = "/patient/*"; backend = "origin"; timeout = "30s"; }},
      {{ path = "/six/*"; backend = "origin6"; timeout = "30s"; }},
      {{ path = "/absent6/*"; backend = "absent6"; timeout = "10s"; }},
      {{ path = "/retry/*"; backend = "mixed"; timeout = "20s";
        retry: {{ attempts = 2; on = [ "connect", "reset", "503" ]; per_try_timeout = "2s"; budget = "100%"; }}; }},
      {{ path = "/half/*"; backend = "half"; retry: {{ on = [ "connect" ]; budget = "100%"; }}; }},
      {{ path = "/budget/*"; backend = "origin"; retry: {{ on = [ "503" ]; budget = "20%"; }}; }},
      {{ path = "/refusing/*"; backend = "refusing"; }},
      {{ path = "/absent/*"; backend = "absent"; }} ); }} );
plans = (
  {{ name = "bronze"; apis = [ "orders" ]; limits = ( {{ rate = "5/s"; burst = {BRONZE_BURST}; }} ); }},
  {{ name = "hourly"; apis = [ "orders" ]; limits = ( {{ rate = "{HOURLY_BURST}/hour"; burst = {HOURLY_BURST}; }} ); }},
  {{ name = "gold"; apis = [ "orders", "catalog", "scanned" ]; limits = ( {{ rate = "1000000/s"; burst = 1000000; }} ); }} );
consumers = (
{consumers} );
{extra}
"""
