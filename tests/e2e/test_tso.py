# SPDX-License-Identifier: Apache-2.0
"""Segments that the port cuts: on a virtio port, whose other side, tests/bed/vhost_bridge.c, leaves the cutting and
the sums to the kernel."""
import pytest

import settings
from bed import OUTSIDE_IP, OUTSIDE_IP6
from links import exchange, stop
from origin import known_bytes

SIZE = 50 << 20
FULL = 1448  # bytes in a segment of 1,500


@pytest.fixture(scope="module")
def virtio(bed, session_gateway):
    gateway = session_gateway
    if gateway.no_huge:
        pytest.skip(f"vhost-user needs huge pages: {gateway.no_huge}")
    stop(bed)
    gateway.eal = ["--single-file-segments"]
    gateway.write_config(settings.config().replace("auto:sl-out", bed.start_vhost(gateway.build)))
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.eal = []
        stop(bed)
        bed.stop("bridge")


def test_the_log_says_who_cuts(bed, virtio):
    log = bed.log_tail("dataplane", 60)
    assert "of sent IPv4 by software, of sent TCP by port; sends chains, cuts segments (TSO)" in log
    assert log.count("TSO") == 1, "the other port does not"


@pytest.mark.parametrize("to", [OUTSIDE_IP, OUTSIDE_IP6])
def test_a_download_leaves_in_long_segments(bed, virtio, to):
    before, wrong = virtio.stats(), bed.tcp_counter("client", "InCsumErrors")
    path = "/six" if to == OUTSIDE_IP6 else "/patient"
    assert exchange(bed, to, f"{path}/bytes?size={SIZE}") == known_bytes(SIZE)
    after = virtio.stats()
    sent = [after.tree["ports"][0][name] - before.tree["ports"][0][name] for name in ("tx_bytes", "tx_packets")]
    assert sent[0] > SIZE and sent[0] / sent[1] > 3 * FULL
    assert after.tcp("runs_out") - before.tcp("runs_out") > SIZE / (12 * FULL) / 2
    # What the port made of them was right: the kernel takes none with a wrong sum.
    assert bed.tcp_counter("client", "InCsumErrors") == wrong


def test_uploads_and_small_answers_pass_beside_them(bed, virtio):
    content = known_bytes(5_000_001)
    assert exchange(bed, OUTSIDE_IP, "/patient/mirror", content) == content
    for size in (1, FULL - 1, FULL, 2 * FULL + 1, 40_001):
        assert exchange(bed, OUTSIDE_IP, f"/patient/bytes?size={size}") == known_bytes(size)
