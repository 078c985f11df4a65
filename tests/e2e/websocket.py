#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Both ends of a WebSocket, by the library of that name.

    websocket.py serve ADDRESS PORT
    websocket.py talk URL GATEWAY-ADDRESS STOP-FILE [--ca FILE] [--key KEY]

serve says every message back. talk sends messages of growing length and compares what comes back, until STOP-FILE
exists; then it closes and prints one line of JSON: messages, bytes and the close code.
"""
import argparse
import asyncio
import json
import os
import ssl
import sys
import urllib.parse

import websockets


async def echo(socket, path):
    async for message in socket:
        await socket.send(message)


async def serve(address, port):
    async with websockets.serve(echo, address, port, max_size=None, ping_interval=None):
        await asyncio.Future()


async def talk(url, address, stop, ca, key):
    context = ssl.create_default_context(cafile=ca) if ca else None
    headers = {"X-API-Key": key} if key else {}
    messages = size = 0
    tls = {"ssl": context, "server_hostname": urllib.parse.urlsplit(url).hostname} if ca else {}
    async with websockets.connect(url, host=address, extra_headers=headers, max_size=None, ping_interval=None, **tls) as socket:
        while not os.path.exists(stop):
            message = os.urandom(min(1 + messages * 97, 100000))
            await socket.send(message)
            if await asyncio.wait_for(socket.recv(), 15) != message:
                raise SystemExit(f"message {messages} of {len(message)} bytes came back changed")
            messages, size = messages + 1, size + len(message)
            await asyncio.sleep(0.01)
        await socket.close()
        print(json.dumps({"messages": messages, "bytes": size, "code": socket.close_code}))


if sys.argv[1] == "serve":
    asyncio.run(serve(sys.argv[2], int(sys.argv[3])))
else:
    args = argparse.ArgumentParser()
    for name in ("url", "address", "stop", "--ca", "--key"):
        args.add_argument(name)
    asyncio.run(talk(**vars(args.parse_args(sys.argv[2:]))))
