# SPDX-License-Identifier: Apache-2.0
"""ASTF TRex profile: HTTP requests with keys through the gateway, and the backends that answer them.

    trex> start -f bench/trex/http.py -m 1000 -d 60 -t --requests=100 --answer=1024
--requests=1 makes a connection for each request; --ipv6 uses IPv6 on the outside. TRex plays both sides:
its first port is the clients', its second one the backends'. See docs/benchmarks.md.
"""
import argparse

from trex.astf.api import (ASTFAssociationRule, ASTFGlobalInfo, ASTFIPGen, ASTFIPGenDist, ASTFIPGenGlobal,
    ASTFProfile, ASTFProgram, ASTFTCPClientTemplate, ASTFTCPServerTemplate, ASTFTemplate)

# TRex keeps one payload for all connections of a template: so many keys are used.
KEYS = 16
SERVED = 1_000_000  # requests on a backend's connection


def request(args, key):
    close = "Connection: close\r\n" if args.requests == 1 else ""
    return (f"GET {args.path} HTTP/1.1\r\nHost: {args.host}\r\nX-API-Key: {key}\r\n"
        f"User-Agent: trex\r\n{close}\r\n").encode()


def answer(args):
    body = b"x" * args.answer
    return (f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


def keys(path):
    with open(path, encoding="ascii") as f:
        return [line.strip() for line in f if line.strip()][:KEYS]


class Http:
    def client(self, args, key):
        # What the gateway answers is longer than what the backend sends: count the lines that it adds.
        answer_bytes = len(answer(args)) + args.added
        program = ASTFProgram()
        for _ in range(args.requests):
            program.send(request(args, key))
            program.recv(answer_bytes, True)
        return program

    def server(self, args):
        program = ASTFProgram()
        # Its connections are the gateway's pool: they outlive any client's.
        program.set_var("left", SERVED)
        program.set_label("next")
        # The gateway writes the head anew: wait for any request, then answer.
        program.recv(args.forwarded, True)
        program.send(answer(args))
        program.jmp_nz("left", "next")
        return program

    def get_profile(self, tunables=(), **kwargs):
        parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
        parser.add_argument("--requests", type=int, default=100, help="on a connection")
        parser.add_argument("--answer", type=int, default=1024, help="bytes of content")
        parser.add_argument("--added", type=int, default=0, help="bytes that the gateway adds to an answer's head")
        parser.add_argument("--forwarded", type=int, default=300, help="bytes of a forwarded head")
        parser.add_argument("--host", default="api.shop.example")
        parser.add_argument("--path", default="/v1/orders/1")
        parser.add_argument("--keys", default="bench/trex/keys.txt", help="one key a line")
        parser.add_argument("--ipv6", action="store_true")
        args = parser.parse_args(tunables)
        addresses = ASTFIPGen(glob=ASTFIPGenGlobal(ip_offset="1.0.0.0"),
            dist_client=ASTFIPGenDist(ip_range=["203.0.113.1", "203.0.113.254"], distribution="seq"),
            dist_server=ASTFIPGenDist(ip_range=["198.51.100.10", "198.51.100.10"], distribution="seq"))
        info = ASTFGlobalInfo()
        if args.ipv6:
            info.ipv6.src_msb, info.ipv6.dst_msb, info.ipv6.enable = "2001:db8:2::", "2001:db8:1::", 1
        server = self.server(args)
        templates = [ASTFTemplate(
            client_template=ASTFTCPClientTemplate(program=self.client(args, key), ip_gen=addresses, cps=1,
                port=80),
            server_template=ASTFTCPServerTemplate(program=server, assoc=ASTFAssociationRule(port=8080)))
            for key in keys(args.keys)]
        return ASTFProfile(default_ip_gen=addresses, default_c_glob_info=info, templates=templates)


def register():
    """What TRex calls."""
    return Http()
