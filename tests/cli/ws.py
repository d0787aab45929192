#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A WebSocket client (RFC 6455) of the standard library only, for the scripts here.

    ws.py URL SUBSCRIBE-JSON [--for N] [--seconds S]

The token is $BGUARD_TOKEN.  Prints each text message on a line; ends after N messages of type alert.*,
or after S seconds without one.
"""
import argparse, base64, json, os, select, socket, ssl, struct, sys, time, urllib.parse


def connect(url, token):
    u = urllib.parse.urlsplit(url)
    s = socket.create_connection((u.hostname, u.port))
    if u.scheme in ("wss", "https"):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        s = context.wrap_socket(s, server_hostname=u.hostname)
    key = base64.b64encode(os.urandom(16)).decode()
    s.sendall((f"GET {u.path} HTTP/1.1\r\nHost: {u.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        piece = s.recv(4096)
        if not piece:
            sys.exit("closed during the handshake")
        head += piece
    head, rest = head.split(b"\r\n\r\n", 1)
    if b" 101 " not in head.split(b"\r\n")[0]:
        sys.exit(head.decode())
    return s, rest


def send(s, opcode, payload):
    mask = os.urandom(4)
    length = len(payload)
    size = struct.pack("!B", 0x80 | length) if length < 126 else struct.pack("!BH", 0x80 | 126, length)
    s.sendall(bytes([0x80 | opcode]) + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))


class Frames:
    def __init__(self, s, rest, seconds):
        self.s, self.buffer, self.seconds = s, rest, seconds

    def take(self, n):
        until = time.monotonic() + self.seconds
        while len(self.buffer) < n:
            pending = getattr(self.s, "pending", lambda: 0)()
            if not pending and not select.select([self.s], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError
            piece = self.s.recv(65536)
            if not piece:
                raise EOFError
            self.buffer += piece
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def next(self):
        first, second = self.take(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack("!H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", self.take(8))[0]
        return first & 15, self.take(length)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("url")
    args.add_argument("subscribe")
    args.add_argument("--for", dest="wanted", type=int, default=1)
    args.add_argument("--seconds", type=float, default=30)
    args = args.parse_args()
    s, rest = connect(args.url, os.environ["BGUARD_TOKEN"])
    send(s, 1, args.subscribe.encode())
    frames, got = Frames(s, rest, args.seconds), 0
    try:
        while got < args.wanted:
            opcode, payload = frames.next()
            if opcode == 9:
                send(s, 10, payload)
            elif opcode == 8:
                sys.exit(f"closed: {struct.unpack('!H', payload[:2])[0]} {payload[2:].decode()}")
            elif opcode == 1:
                print(payload.decode(), flush=True)
                got += json.loads(payload)["type"].startswith("alert.")
    except TimeoutError:
        pass
    except EOFError:
        sys.exit("the connection broke")
    sys.exit(0 if got >= args.wanted else f"{got} of {args.wanted} alerts came")


main()
