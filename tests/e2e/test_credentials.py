# SPDX-License-Identifier: Apache-2.0
"""Keys that no comparison can find: the worker scans for them with the database that control compiled."""
import json

import pytest

import settings

KEY = settings.SCANNED_KEY
PLACES = {
    "authorization": ("/v1/scanned/1", [("Authorization", f"Bearer {KEY}")]),
    "query": (f"/v1/scanned/1?a=b&api_key={KEY}&c=d", []),
    "cookie": ("/v1/scanned/1", [("Cookie", f"theme=dark; key={KEY}; lang=en")]),
}
REFUSED = {
    "too short": ([("Authorization", "Bearer tok-012")], "key_missing"),
    "another scheme": ([("Authorization", f"Basic {KEY}")], "key_missing"),
    "something behind it": ([("Authorization", f"Bearer {KEY}0")], "key_missing"),
    "nobody's": ([("Authorization", "Bearer sk-ffffffff")], "key_unknown"),
    "two that differ": ([("Authorization", f"Bearer {KEY}"), ("Cookie", "key=sk-ffffffff")], "key_ambiguous"),
}


@pytest.mark.parametrize("target,fields", PLACES.values(), ids=PLACES.keys())
def test_a_scanned_key_names_its_consumer(connect, target, fields):
    answer = connect().request("GET", target, fields, host=settings.HOST)
    assert answer.status == 200 and json.loads(answer.body)["consumer"] == "scanned"


@pytest.mark.parametrize("fields,reason", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_key_is_refused(gateway, connect, fields, reason):
    before = gateway.stats().reason(reason)
    assert connect().request("GET", "/v1/scanned/1", fields, host=settings.HOST).status == 401
    assert gateway.stats().reason(reason) == before + 1
