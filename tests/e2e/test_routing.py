# SPDX-License-Identifier: Apache-2.0
"""What routes do with requests beside forwarding them, with curl as the client and nginx behind."""
import json

import settings
from bed import OUTSIDE_IP

HOST = "edge.example"
ROUTES = """apis = (
  { name = "edge"; hosts = [ "edge.example" ];
    routes = (
      { path = "/healthz"; methods = [ "GET", "HEAD" ]; reply: { body = "ok\\n"; }; },
      { path = "/gone"; reply: { status = 410; type = "application/json"; body = "{\\"gone\\":true}\\n"; }; },
      { path = "/old/*"; redirect: { to = "/orders/{rest}"; }; },
      { path = "/orders/*"; backend = "orders"; },
      { path = "/shops/{shop}/orders/{id}"; backend = "orders"; rewrite: { path = "/internal/{id}/{shop}"; };
        request_fields: { set = ( { name = "Sec-Shop"; value = "{path.shop}"; } ); };
        response_fields: { set = ( { name = "Content-Type"; value = "application/x-{path.shop}"; } ); }; },
      { path = "/origin/*"; backend = "origin"; rewrite: { path = "/echo/{rest}"; host = "inside.example:8080"; };
        request_fields: { remove = [ "User-Agent" ]; add = ( { name = "X-From"; value = "{client_ip} {field.X-A}"; } ); }; } ); },"""


def routed(gateway):
    gateway.apply(settings.config().replace("apis = (", ROUTES, 1))


def curl(bed, *argv):
    """What curl printed: the body, then status, type, redirects and connections."""
    done = bed.run("client", "curl", "-gsS", "--resolve", f"{HOST}:80:{OUTSIDE_IP}", "-w",
        "%{http_code} %{content_type} %{num_redirects} %{num_connects}", *argv)
    return done.stdout


def test_a_route_replies_itself(bed, gateway):
    routed(gateway)
    before = gateway.stats().reason("replied")
    assert curl(bed, f"http://{HOST}/healthz") == "ok\n200 text/plain 0 1"
    assert curl(bed, f"http://{HOST}/gone") == '{"gone":true}\n410 application/json 0 1'
    head = curl(bed, "-I", f"http://{HOST}/healthz")
    assert "Content-Length: 3\n" in head and head.endswith("\n\n200 text/plain 0 1")
    assert gateway.stats().reason("replied") == before + 3
    explained = gateway.ctl_json("explain", f"GET http://{HOST}/gone")
    assert (explained["status"], explained["reason"]) == (410, "replied")


def test_curl_follows_a_redirect_with_its_body(bed, gateway):
    routed(gateway)
    told = curl(bed, "-L", "-X", "PUT", "-d", "x" * 100, f"http://{HOST}/old/a/b?c=d&e")
    seen, _, rest = told.partition("\n")
    assert rest == "200 application/json 1 1"
    seen = json.loads(seen)
    assert (seen["path"], seen["query"], seen["method"], seen["length"]) == ("/orders/a/b", "c=d&e", "PUT", "100")
    explained = gateway.ctl_json("explain", f"GET http://{HOST}/old/a/b?c=d")
    assert (explained["location"], explained["reason"]) == ("/orders/a/b?c=d", "redirected")


def test_nginx_gets_the_rewritten_path(bed, gateway):
    routed(gateway)
    told = curl(bed, f"http://{HOST}/shops/a%2Bb/orders/7?x=1")
    seen, _, rest = told.partition("\n")
    assert rest == "200 application/x-a%2Bb 0 1"
    seen = json.loads(seen)
    assert (seen["path"], seen["query"]) == ("/internal/7/a+b", "x=1")
    explained = gateway.ctl_json("explain", f"GET http://{HOST}/shops/a%2Bb/orders/7?x=1")
    assert (explained["rewritten_path"], explained["reason"]) == ("/internal/7/a%2Bb", "proxied")
