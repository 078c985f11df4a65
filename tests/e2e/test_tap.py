# SPDX-License-Identifier: Apache-2.0
"""The gateway on net_tap, with the kernel behind it as client."""
import pytest

import settings
from bed import CLIENT_IP, CLIENT_IP6, OUTSIDE_IP, OUTSIDE_IP6, wait_for
from links import exchange, stop
from origin import known_bytes

MIB = 1 << 20


@pytest.fixture(scope="module")
def tap(bed, session_gateway):
    """The tap lies in the gateway's namespace, and goes with the dataplane."""
    stop(bed)
    session_gateway.write_config(settings.config().replace('"auto:sl-out"', '"net_tap_out,iface=sl-tap"'))
    session_gateway.start_dataplane()
    session_gateway.start_control()
    wait_for(lambda: bed.ip("gw", "link", "show", "sl-tap"), 10, "the tap")
    bed.run("gw", "sysctl", "-qw", "net.ipv6.conf.sl-tap.disable_ipv6=0")
    bed.ip("gw", "addr", "add", CLIENT_IP + "/24", "dev", "sl-tap")
    bed.ip("gw", "addr", "add", CLIENT_IP6 + "/64", "dev", "sl-tap", "nodad")
    for to in (OUTSIDE_IP, OUTSIDE_IP6):
        wait_for(lambda to=to: exchange(bed, to, "/echo/x", role="gw"), 20, f"an answer of {to}")
    yield session_gateway
    stop(bed)


# net_tap's own code makes wrong sums of chains whose mbufs are not all even, and refuses every segment that it should
# cut. Nothing but software makes these bodies arrive.
def test_what_net_tap_does_wrong_is_not_left_to_it(bed, tap):
    log = bed.log_tail("dataplane", 60)
    assert "port 0: net_tap offers sums and TSO, which are wrong in this DPDK and not used" in log
    assert "of sent IPv4 by software, of sent TCP by software; sends chains\n" in log


@pytest.mark.parametrize("to", [OUTSIDE_IP, OUTSIDE_IP6])
def test_bodies_pass_net_tap(bed, tap, to):
    path = "/six" if to == OUTSIDE_IP6 else "/patient"
    for size in (1, 1447, 4001, 50 * MIB):
        content = known_bytes(size)
        assert exchange(bed, to, f"{path}/bytes?size={size}", role="gw") == content
        assert exchange(bed, to, f"{path}/mirror", content, role="gw") == content
