#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A TLS backend that ends its responses as it is asked: tls_origin.py ADDRESS PORT CERTIFICATE KEY

A path that ends in /closed has a response that ends with the connection, by close_notify; /cut the same without; /counted
has a length and ends without close_notify, too. Each connection carries one response.
"""
import socket
import ssl
import sys
import threading

BODY = b"all of it\n"


def serve(sock, context):
    try:
        with context.wrap_socket(sock, server_side=True) as tls:
            head = b""
            while b"\r\n\r\n" not in head:
                data = tls.recv(65536)
                if not data:
                    return
                head += data
            path = head.split(b" ", 2)[1]
            length = b"Content-Length: %d\r\n" % len(BODY) if path.endswith(b"/counted") else b""
            tls.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + BODY)
            if path.endswith(b"/closed"):
                tls.unwrap()
    except OSError:
        pass


def main():
    address, port, certificate, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server((address, int(port)), backlog=128) as listener:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0], context), daemon=True).start()


main()
