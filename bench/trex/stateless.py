# SPDX-License-Identifier: Apache-2.0
"""Stateless TRex profiles towards the gateway: 64-byte acknowledgements, IMIX, a SYN flood.

    trex> start -f bench/trex/stateless.py -m 10mpps -t --kind=syn
See docs/benchmarks.md for cabling and for what to read.
"""
import argparse

from trex_stl_lib.api import (IP, STLPktBuilder, STLProfile, STLScVmRaw, STLStream, STLTXCont, STLVmFixChecksumHw,
    STLVmFlowVar, STLVmWrFlowVar, TCP, CTRexVmInsFixHwCs, Ether)

IMIX = ((64, 7), (570, 4), (1518, 1))  # bytes of the frame, share


class Towards:
    """Streams from many clients to one listener."""

    def stream(self, args, size, flags, pps):
        base = Ether() / IP(dst=args.gateway) / TCP(dport=args.port, flags=flags, window=8192)
        padding = max(0, size - 4 - len(base)) * b"x"
        clients = STLScVmRaw([
            STLVmFlowVar("client", min_value=args.first_client, max_value=args.last_client, size=4, op="random"),
            STLVmFlowVar("port", min_value=1024, max_value=65535, size=2, op="random"),
            STLVmWrFlowVar("client", pkt_offset="IP.src"),
            STLVmWrFlowVar("port", pkt_offset="TCP.sport"),
            STLVmFixChecksumHw(l3_offset="IP", l4_offset="TCP", l4_type=CTRexVmInsFixHwCs.L4_TYPE_TCP),
        ])
        return STLStream(packet=STLPktBuilder(pkt=base / padding, vm=clients), mode=STLTXCont(pps=pps))

    def get_streams(self, direction=0, tunables=(), **kwargs):
        parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
        parser.add_argument("--kind", choices=("ack", "imix", "syn"), default="ack")
        parser.add_argument("--gateway", default="198.51.100.10")
        parser.add_argument("--port", type=int, default=443)
        parser.add_argument("--first-client", default="203.0.113.1")
        parser.add_argument("--last-client", default="203.0.113.254")
        args = parser.parse_args(tunables)
        if args.kind == "imix":
            return STLProfile([self.stream(args, size, "A", share) for size, share in IMIX]).get_streams()
        return [self.stream(args, 64, "S" if args.kind == "syn" else "A", 1)]


def register():
    """What TRex calls."""
    return Towards()
