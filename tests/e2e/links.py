# SPDX-License-Identifier: Apache-2.0
"""For tests of ports whose link is not the usual one: the gateway begun anew, one request."""
import settings
from client import Client


def stop(bed):
    for name in ("control", "dataplane"):
        if bed.alive(name):
            bed.stop(name)


def restart(bed, gateway, **variant):
    stop(bed)
    gateway.write_config(settings.config(**variant))
    try:
        gateway.start()
    except BaseException:
        bed.print_logs()
        raise


def exchange(bed, to, target, body=None, role="client"):
    """One request, a POST if there is a body. @return the answer's body"""
    with Client(bed.connect(role, to, 80, timeout=60), None, settings.ECHO_HOST) as client:
        answer = client.request("POST" if body else "GET", target, body=body)
    assert answer.status == 200, answer
    return answer.body
