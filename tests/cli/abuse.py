#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an attacker sends, and whether the service on this machine bears it; for serve_abuse.sh.

    abuse.py PORT CASE [ARGUMENT...]

Each case prints what it saw and ends with status 1 and a reason on the last line when the service did what it must
not.  The token is $BGUARD_TOKEN, the service's process $BGUARD_PID.
"""
import base64, gzip, json, os, pathlib, re, socket, struct, sys, zlib

PORT = int(sys.argv[1])
TOKEN = os.environ.get("BGUARD_TOKEN", "")
AUTH = f"Authorization: Bearer {TOKEN}\r\n".encode()
PATIENCE = 60  # seconds until an answer that does not come counts as none: only broken services take so long
MIB = 1 << 20
GROWTH_MAX = 256 * MIB
SMUGGLED = b"GET /health HTTP/1.1\r\nHost: a\r\nX-Request-Id: smuggled\r\n\r\n"


def wrong(text):
    print(text)
    sys.exit(1)


def connect(source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", PORT), PATIENCE, (source, 0))


def send(s, data):
    """False when the service has had enough."""
    try:
        s.sendall(data)
        return True
    except OSError:
        return False


def read_all(s):
    got = b""
    try:
        while piece := s.recv(65536):
            got += piece
    except TimeoutError:
        wrong(f"neither closed nor answered after {PATIENCE} s; so far {got[:300]!r}")
    except OSError:
        pass  # reset: closed as well
    return got


def statuses(answer):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3})", answer) if code != b"100"]


def exchange(*parts, source="127.0.0.1"):
    """Send the parts, then the end; all that comes back."""
    with connect(source) as s:
        for part in parts:
            if not send(s, part):
                break
        try:
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return read_all(s)


def ask(method, path, body=b"", headers=b"", source="127.0.0.1"):
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(body)}\r\n".encode()
    got = exchange(head + headers + b"\r\n" + body, source=source)
    codes = statuses(got)
    return (codes[0] if codes else 0), got


def must_live():
    code, got = ask("GET", "/health")
    if code != 200:
        wrong(f"/health is answered {code or 'not at all'}: {got[:200]!r}")


def resident():
    status = pathlib.Path(f"/proc/{os.environ['BGUARD_PID']}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


class Memory:
    """The most the service ever had in memory grows by less than GROWTH_MAX."""

    def __enter__(self):
        self.before = resident()

    def __exit__(self, kind, *rest):
        grown = resident() - self.before
        if kind is None:
            print(f"memory grew by {grown / MIB:.1f} MiB")
            if grown > GROWTH_MAX:
                wrong(f"memory grew by {grown / MIB:.0f} MiB")


# ---- HTTP that is none ----


def own_shapes():
    """Requests nobody has to understand.  EVENTS: a path whose body is read."""
    post = b"POST /api/events HTTP/1.1\r\nHost: a\r\n" + AUTH
    chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
    get = b"GET /health HTTP/1.1\r\nHost: a\r\n"
    return {
        "nul in method": b"G\0T /health HTTP/1.1\r\nHost: a\r\n\r\n",
        "nul in target": b"GET /hea\0lth HTTP/1.1\r\nHost: a\r\n\r\n",
        "nul in value": get + b"A: \0\r\n\r\n",
        "bare CR in value": get + b"A: b\rX-Request-Id: smuggled\r\n\r\n",
        "bare CR ends the line": b"GET /health HTTP/1.1\rHost: a\r\n\r\n",
        "bare LF": b"GET /health HTTP/1.1\nHost: a\n\n",
        "two spaces": b"GET  /health HTTP/1.1\r\nHost: a\r\n\r\n",
        "tab for space": b"GET\t/health\tHTTP/1.1\r\nHost: a\r\n\r\n",
        "space before": b" GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
        "space after": b"GET /health HTTP/1.1 \r\nHost: a\r\n\r\n",
        "no version": b"GET /health\r\nHost: a\r\n\r\n",
        "HTTP/0.9": b"GET /health\r\n\r\n",
        "HTTP/1.10": b"GET /health HTTP/1.10\r\nHost: a\r\n\r\n",
        "HTTP/3.0": b"GET /health HTTP/3.0\r\nHost: a\r\n\r\n",
        "lower http": b"GET /health http/1.1\r\nHost: a\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
        "TLS hello": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"a" * 64,
        "SOCKS": b"\x05\x01\x00",
        "RTSP": b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        "SSH": b"SSH-2.0-x\r\n",
        "SMTP": b"EHLO a\r\nMAIL FROM:<a@b>\r\n",
        "JSON": b'{"event":{}}\r\n\r\n',
        "only line ends": b"\r\n" * 5,
        "no host": b"GET /health HTTP/1.1\r\n\r\n",
        "two hosts": b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "host list": b"GET /health HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "host with user": b"GET /health HTTP/1.1\r\nHost: u@a\r\n\r\n",
        "host with path": b"GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "space before colon": get + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "no colon": get + b"Nothing\r\n\r\n",
        "empty name": get + b": b\r\n\r\n",
        "folded": get + b"A: b\r\n c\r\n\r\n",
        "folded first": b"GET /health HTTP/1.1\r\n Host: a\r\n\r\n",
        "name in utf-8": get + "Ä: b\r\n\r\n".encode(),
        "name with brackets": get + b"A[]: b\r\n\r\n",
        "DEL in value": get + b"A: \x7f\r\n\r\n",
        "fragment": b"GET /health#a HTTP/1.1\r\nHost: a\r\n\r\n",
        "target without slash": b"GET health HTTP/1.1\r\nHost: a\r\n\r\n",
        "target in utf-8": "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        "foreign scheme": b"GET ftp://a/health HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
        "TRACE": b"TRACE /health HTTP/1.1\r\nHost: a\r\n\r\n",
        "asterisk": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "unknown method": b"FROB /health HTTP/1.1\r\nHost: a\r\n\r\n",
        "method of 20 KB": b"G" * 20000 + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
        "target of 20 KB": b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        "header of 20 KB": get + b"A: " + b"a" * 20000 + b"\r\n\r\n",
        "1000 headers": get + b"A: b\r\n" * 1000 + b"\r\n",
        "length of blanks": post + b"Content-Length:  \r\n\r\n",
        "length, octal": post + b"Content-Length: 0o5\r\n\r\nhello",
        "length, comma": post + b"Content-Length: 5,\r\n\r\nhello",
        "length, underscore": post + b"Content-Length: 1_0\r\n\r\nhelloworld",
        "length of 2^64": post + b"Content-Length: 18446744073709551616\r\n\r\nhello",
        "length of 2^64+5": post + b"Content-Length: 18446744073709551621\r\n\r\nhello",
        "length in other digits": post + "Content-Length: ٥\r\n\r\nhello".encode(),
        "two lengths": post + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
        "length and chunked": post + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunked in 1.0": b"POST /api/events HTTP/1.0\r\n" + AUTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunked twice": post + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "chunked not last": post + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "empty encoding": post + b"Transfer-Encoding: \r\n\r\n0\r\n\r\n",
        "chunk, 0x": chunked + b"0x5\r\nhello\r\n0\r\n\r\n",
        "chunk, sign": chunked + b"+5\r\nhello\r\n0\r\n\r\n",
        "chunk, minus": chunked + b"-1\r\nhello\r\n0\r\n\r\n",
        "chunk, blank": chunked + b"5 \r\nhello\r\n0\r\n\r\n",
        "chunk, extension": chunked + b"5;a=\"\r\nhello\r\n0\r\n\r\n",
        "chunk, no size": chunked + b"\r\nhello\r\n0\r\n\r\n",
        "chunk, bare LF": chunked + b"5\nhello\n0\n\n",
        "chunk, bare CR": chunked + b"5\rhello\r\n0\r\n\r\n",
        "chunk, too short": chunked + b"4\r\nhello\r\n0\r\n\r\n",
        "chunk, 17 digits": chunked + b"00000000000000005\r\nhello\r\n0\r\n\r\n",
        "chunk of 2^64-1": chunked + b"FFFFFFFFFFFFFFFF\r\nhello",
        "chunk of 2^64": chunked + b"10000000000000000\r\nhello",
        "trailer that frames": chunked + b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "trailer, bare LF": chunked + b"0\r\nA: b\n\n",
        "expectation": post + b"Expect: wonders\r\nContent-Length: 5\r\n\r\nhello",
    }


def corpus_shapes():
    """Those of the fuzzer's corpus, each with the status in its name, against a path that reads bodies."""
    folder = pathlib.Path(__file__).parent.parent / "corpus" / "http"
    for path in sorted(folder.glob("shape*_*")):
        data = path.read_bytes()
        for begin in b"POST /echo HTTP/1.1\r\n", b"POST / HTTP/1.1\r\n":
            if data.startswith(begin):
                data = b"POST /api/events HTTP/1.1\r\n" + AUTH + data[len(begin):]
        yield path.name, data, int(path.name[-3:])


def expect_refused(name, answer, want=None):
    codes = statuses(answer)
    if b"smuggled" in answer:
        wrong(f"{name}: what followed was answered as a request: {answer!r}")
    if len(codes) > 1 or any(code < 400 for code in codes) or (want and codes and codes != [want]):
        wrong(f"{name}: answered {codes}, not {want or 'refused'}: {answer[:200]!r}")
    return codes[0] if codes else 0


def malformed():
    seen = {}
    shapes = list(corpus_shapes()) + [(name, data, None) for name, data in own_shapes().items()]
    for n, (name, data, want) in enumerate(shapes):
        source = f"127.0.0.{n % 200 + 2}"
        for parts in (data + SMUGGLED,), (data, SMUGGLED):
            code = expect_refused(name, exchange(*parts, source=source), want)
            seen[code] = seen.get(code, 0) + 1
    must_live()
    print(f"{len(shapes)} malformed shapes, each sent twice; answers by status, 0 for just closed: {dict(sorted(seen.items()))}")


# ---- smuggling ----


def smuggling():
    post = b"POST /api/events HTTP/1.1\r\nHost: a\r\n" + AUTH
    length = b"Content-Length: %d\r\n" % len(SMUGGLED)
    hidden = b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n"
    tricks = [b"Transfer-Encoding: xchunked", b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding:\x0cchunked",
              b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding: chunked\0",
              b"Transfer-Encoding\r\n : chunked", b"X: x\nTransfer-Encoding: chunked", b"X: x\rTransfer-Encoding: chunked",
              b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
              b"Transfer-Encoding: identity, chunked", b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding: 'chunked'",
              b"Transfer-Encoding: CHUNKED\r\n\tchunked", b"\x00Transfer-Encoding: chunked",
              b"Transfer_Encoding: chunked\r\nTransfer-Encoding: gzip"]
    refused = {
        "CL.TE": post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "TE.CL": post + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + hidden,
        "CL.CL": post + b"Content-Length: 0\r\n" + length + b"\r\n",
        **{f"TE {t!r}": post + length + t + b"\r\n\r\n" for t in tricks},
    }
    for name, data in refused.items():
        expect_refused(name, exchange(data + SMUGGLED))
    # Well framed: what looks like a request is a body, and nothing else.
    swallowed = {
        "GET with a body": b"GET /health HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n" + SMUGGLED,
        "HEAD with a body": b"HEAD /health HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n" + SMUGGLED,
        "OPTIONS with a body": b"OPTIONS /health HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n" + SMUGGLED,
        "404 with a body": b"POST /nothing HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n" + SMUGGLED,
        "401 with a body": b"POST /api/events HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n" + SMUGGLED,
        "chunks": b"GET /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + hidden,
        "refused upgrade": b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + length + b"\r\n" + SMUGGLED,
        "100-continue": b"POST /nothing HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" + length + b"\r\n" + SMUGGLED,
    }
    for name, data in swallowed.items():
        answer = exchange(data)
        if b"smuggled" in answer or len(statuses(answer)) > 1:
            wrong(f"{name}: a body was answered as a request: {answer!r}")
    # And what is a second request is answered as one, in order.
    first = b"POST /nothing HTTP/1.1\r\nHost: a\r\nX-Request-Id: first\r\nContent-Length: 5\r\n\r\nhello"
    answer = exchange(first + SMUGGLED)
    if statuses(answer) != [404, 200] or answer.index(b"first") > answer.index(b"smuggled"):
        wrong(f"two requests are not two answers in order: {answer!r}")
    must_live()
    print(f"{len(refused)} ambiguous requests refused, {len(swallowed)} bodies taken for bodies")


# ---- too much ----


def headers():
    """100 MB of them on one connection, and again spread over many."""
    line, offered = b"X-Padding: " + b"a" * 4085 + b"\r\n", 0
    with Memory():
        with connect() as s:
            alive = send(s, b"GET /health HTTP/1.1\r\nHost: a\r\n")
            while alive and offered < 100 * 1000 * 1000:
                alive = send(s, line * 16)
                offered += len(line) * 16
            expect_refused("endless headers", read_all(s), 431)
        for n in range(1526):  # 64 KiB each: 100 MB
            expect_refused("too many headers", exchange(b"GET /health HTTP/1.1\r\nHost: a\r\n", line * 16), 431)
    must_live()
    print(f"one connection was cut after {offered / 1e6:.1f} MB were offered; 1526 others with 64 KiB each")


def chunks():
    post = b"POST /api/threat/detect-realtime HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + AUTH
    chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
    with Memory():
        for size in b"7fffffff", b"ffffffff", b"7fffffffffffffff":
            for fill in b" " * 10, b" " * (4 * MIB):
                expect_refused(f"chunk of {size!r}", exchange(chunked + size + b"\r\n" + fill + SMUGGLED))
        expect_refused("a million chunks", exchange(chunked + b"1\r\n \r\n" * 1100000))
        for size in b"2147483647", b"9223372036854775807", b"18446744073709551615":
            expect_refused("long body", exchange(post + b"Content-Length: " + size + b"\r\n\r\n" + SMUGGLED))
    must_live()


def bomb(bytes_out, kind=31):
    packer = zlib.compressobj(9, zlib.DEFLATED, kind)
    block = b" " * MIB
    return b"".join(packer.compress(block) for _ in range(bytes_out // MIB)) + packer.flush()


def bombs():
    big = bomb(1 << 30)
    print(f"1 GiB of blanks in {len(big)} bytes")
    kinds = {b"gzip": big, b"deflate": bomb(256 * MIB, 15)}
    with Memory():
        for name, data in kinds.items():
            code, got = ask("POST", "/api/threat/detect-realtime", data,
                            AUTH + b"Content-Type: application/json\r\nContent-Encoding: " + name + b"\r\n")
            if code != 413:
                wrong(f"a bomb of {name!r} is answered {code}: {got[:200]!r}")
        code, got = ask("POST", "/api/events?format=json", kinds[b"deflate"], AUTH + b"Content-Encoding: deflate\r\n")
        print(f"a line of 256 MiB, compressed, to /api/events: {code} {got.split(bytes(4))[-1][-200:]!r}")
        for name in b"gzip, gzip", b"br", b"compress", b"gzip;q=1":
            code, got = ask("POST", "/api/threat/detect-realtime", gzip.compress(big),
                            AUTH + b"Content-Type: application/json\r\nContent-Encoding: " + name + b"\r\n")
            if code not in (413, 415):
                wrong(f"the coding {name!r} is answered {code}")
        code, _ = ask("POST", "/api/threat/detect-realtime", b"no gzip at all",
                      AUTH + b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n")
        if code != 400:
            wrong(f"what is not gzip is answered {code}")
    must_live()


def deep():
    """Nested JSON, where it is a body and where it is an event."""
    nests = {"arrays": b"[" * 500000, "closed arrays": b"[" * 250000 + b"]" * 250000, "objects": b'{"a":' * 180000,
             "event": b'{"event":' + b'{"a":' * 100000 + b"1" + b"}" * 100001}
    with Memory():
        for name, body in nests.items():
            for path in "/api/threat/detect-realtime?format=json", "/api/auth/login":
                code, got = ask("POST", path, body, AUTH + b"Content-Type: application/json\r\n")
                if code == 200 and b'"results":[],' not in got:
                    wrong(f"deep {name} are an event: {got[-300:]!r}")
                if code not in (200, 400, 413, 422, 429):
                    wrong(f"deep {name} at {path} are answered {code}: {got[:200]!r}")
            code, got = ask("POST", "/api/events?format=json", body + b"\n", AUTH)
            if code == 200 and json.loads(got.split(b"\r\n\r\n", 1)[1])["accepted"]:
                wrong(f"deep {name} are an event: {got[-300:]!r}")
    must_live()


def endless_line():
    """A record without end: it is cut off and counted, not kept."""
    block, sent = b'{"a":"' + b"x" * (MIB - 6), 0
    with Memory(), connect() as s:
        send(s, b"POST /api/events?format=json HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + AUTH + b"\r\n")
        while sent < 200 and send(s, b"%x\r\n" % len(block) + block + b"\r\n"):
            sent += 1
        send(s, b"0\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        answer = read_all(s)
    codes = statuses(answer)
    if codes == [200]:
        taken = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        if taken["accepted"] or not taken["rejected"]:
            wrong(f"a line of 200 MiB was taken: {taken}")
    elif len(codes) != 1 or not 400 <= codes[0] < 500:
        wrong(f"a line of 200 MiB is answered {answer[:200]!r}")
    must_live()
    print(f"a line of {sent} MiB: {codes}, {answer[-160:]!r}")


# ---- WebSocket ----


def frame(first, payload=b"", mask=b"\1\2\3\4", length=None):
    """`length`: the bytes that say it, when they are to lie."""
    n = len(payload)
    size = bytes([n]) if n < 126 else b"\x7e" + struct.pack("!H", n) if n < 65536 else b"\x7f" + struct.pack("!Q", n)
    size = size if length is None else length
    if mask is None:
        return bytes([first]) + size + payload
    return bytes([first, size[0] | 0x80]) + size[1:] + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def upgrade(headers=b"", path="/ws"):
    s = connect()
    key = base64.b64encode(os.urandom(16))
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".encode() + AUTH +
              b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n" + headers + b"\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        piece = s.recv(4096)
        if not piece:
            break
        head += piece
    if b" 101 " not in head.split(b"\r\n")[0]:
        wrong(f"no WebSocket: {head!r}")
    return s, head.split(b"\r\n\r\n", 1)[1]


def close_code(answer):
    """Of the last frames before the end; 0 when there was no close frame."""
    while len(answer) >= 2:
        size, at = answer[1] & 0x7F, 2
        if size == 126:
            size, at = struct.unpack("!H", answer[2:4])[0], 4
        elif size == 127:
            size, at = struct.unpack("!Q", answer[2:10])[0], 10
        payload = answer[at:at + size]
        if answer[0] & 15 == 8:
            return struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
        answer = answer[at + size:]
    return 0


def websocket():
    deflate = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(b" " * MIB) for _ in range(64)) + packer.flush(zlib.Z_SYNC_FLUSH)
    protocol, text, size = {1002}, {1007}, {1009, 1008}
    frames = {
        "unmasked": (frame(0x81, b"{}", None), protocol),
        "RSV1 without deflate": (frame(0xC1, b"{}"), protocol),
        "RSV2": (frame(0xA1, b"{}"), protocol),
        "RSV3": (frame(0x91, b"{}"), protocol),
        **{f"opcode {n}": (frame(0x80 | n, b"a"), protocol) for n in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
        "ping in pieces": (frame(0x09, b"a"), protocol),
        "long ping": (frame(0x89, b"a" * 126), protocol),
        "long close": (frame(0x88, b"\x03\xe8" + b"a" * 200), protocol),
        "close of one byte": (frame(0x88, b"\x03"), protocol),
        "close 1005": (frame(0x88, struct.pack("!H", 1005)), protocol),
        "close 999": (frame(0x88, struct.pack("!H", 999)), protocol),
        "close, not UTF-8": (frame(0x88, b"\x03\xe8\xff\xfe"), protocol | text),
        "continues nothing": (frame(0x80, b"{}"), protocol),
        "begins twice": (frame(0x01, b"{") + frame(0x81, b"}"), protocol),
        "length with the first bit": (frame(0x81, b"", length=b"\x7f" + b"\xff" * 8), protocol | size),
        "length of 2^62": (frame(0x81, b"", length=b"\x7f\x40" + b"\0" * 7), size),
        "length of 1 TiB": (frame(0x81, b"a", length=b"\x7f" + struct.pack("!Q", 1 << 40)), size),
        "length not shortest, 16": (frame(0x81, b"a", length=b"\x7e\0\x01"), protocol),
        "length not shortest, 64": (frame(0x81, b"a", length=b"\x7f" + struct.pack("!Q", 1)), protocol),
        "not UTF-8": (frame(0x81, b"\xc3\x28"), text),
        "half a character": (frame(0x81, b"\xe2\x82"), text),
        "surrogate": (frame(0x81, b"\xed\xa0\x80"), text),
        "binary": (frame(0x82, b"{}"), {1003}),
        "too long": (frame(0x81, b" " * (4 * MIB)), size),
        "too long, in pieces": (frame(0x01, b" ") + frame(0x00, b" " * 1000) * 5000, size),
        "HTTP": (SMUGGLED, protocol),
    }
    deflated = {
        "a bomb": (frame(0xC1, packed), size),
        "no deflate": (frame(0xC1, b"\xff" * 20), {1007, 1002}),
        "RSV1 on a continuation": (frame(0x41, packed[:10]) + frame(0xC0, packed[10:20]), protocol | text),
        "RSV1 on a ping": (frame(0xC9, b"a"), protocol),
    }
    seen = {}
    with Memory():
        for (name, (data, want)), extra in [(f, b"") for f in frames.items()] + [(f, deflate) for f in deflated.items()]:
            s, rest = upgrade(extra)
            with s:
                send(s, data)
                answer = rest + read_all(s)
            code = close_code(answer)
            if b"smuggled" in answer or (code and code not in want):
                wrong(f"{name}: closed with {code}, not {sorted(want)}: {answer[:100]!r}")
            seen[code] = seen.get(code, 0) + 1
    must_live()
    print(f"{len(frames) + len(deflated)} malformed frames; ends by code, 0 for just closed: {dict(sorted(seen.items()))}")


# ---- who is blocked ----


def brute(source):
    """Tries passwords until it is blocked."""
    return offend(source, lambda n: ("POST", "/api/auth/login",
                                     json.dumps({"username": f"user{n}", "password": "password123456"}).encode(),
                                     b"Content-Type: application/json\r\n"))


def scan(source):
    return offend(source, lambda n: ("GET", f"/admin{n}", b"", b""))


def nonsense(source):
    return offend(source, lambda n: ("GET", "/health", b"", b"Bad Name: a\r\n"))


def offend(source, request):
    for n in range(2000):
        method, path, body, headers = request(n)
        code, _ = ask(method, path, body, headers, source)
        if code in (0, 403):
            print(f"{source} was blocked after {n} requests")
            return
        if code < 400:
            wrong(f"{source} got {code}")
    wrong(f"{source} was never blocked")


def health(source):
    """Status 0 when that address is answered."""
    code, _ = ask("GET", "/health", source=source)
    if code != 200:
        wrong(f"{source} got {code}")


def limits():
    """Each class of requests has its own limit for each caller."""
    body, code, tries = b'{"username":"nobody"}', 400, 0  # refused for its shape: counted all the same
    while code == 400 and tries < 100:
        code, got = ask("POST", "/api/auth/login", body, b"Content-Type: application/json\r\n", "127.0.0.7")
        tries += 1
    expect_limited(code, got, "login")
    print(f"login: 429 at try {tries}")
    if ask("POST", "/api/auth/login", body, b"Content-Type: application/json\r\n", "127.0.0.8")[0] != 400:
        wrong("another address cannot log in either")
    code, asked = 200, 0
    with connect() as s:
        while code == 200 and asked < 5000:
            s.sendall(b"GET /api/auth/me HTTP/1.1\r\nHost: a\r\n" + AUTH + b"\r\n")
            got = s.recv(65536)
            code, asked = statuses(got)[0], asked + 1
    expect_limited(code, got, "read")
    print(f"read: 429 at request {asked}")
    other = f"Authorization: Bearer {os.environ['BGUARD_OTHER']}\r\n".encode()
    if ask("GET", "/api/auth/me", headers=other)[0] != 200:
        wrong("another key is limited too")
    must_live()


def expect_limited(code, got, name):
    if code != 429:
        wrong(f"{name} ends with {code}")
    for header in rb"\r\nRetry-After: [1-9]\d*\r\n", rb'\r\nRateLimit: "%s";r=0;t=\d+\r\n' % name.encode(), rb'\r\nRateLimit-Policy: "%s";q=\d+;w=\d+\r\n' % name.encode():
        if not re.search(header, got):
            wrong(f"no {header!r} in {got!r}")


def crowd(wanted, kept, others=""):
    """Of `wanted` connections of one address `kept` stay, whichever thread has them; others may come or not."""
    held, answered = [connect("127.0.0.9") for _ in range(int(wanted))], 0
    for s in held:
        try:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            answered += b" 200 " in s.recv(65536)
        except OSError:
            pass
    if others:
        must_live()
    if answered != int(kept):
        wrong(f"{answered} of {wanted} connections stayed, not {kept}")


def origins(allowed, other):
    """A page of `other` may not open a WebSocket; programs, `allowed` and our own pages may."""
    for header in b"", f"Origin: {allowed}\r\n".encode(), b"Origin: http://a\r\n":
        s, _ = upgrade(header)
        s.close()
    answer = exchange(b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + AUTH +
                      b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) +
                      f"\r\nOrigin: {other}\r\n\r\n".encode())
    if statuses(answer) != [403]:
        wrong(f"{other} is answered {answer[:300]!r}")


def rounds():
    """All of it, again and again, until killed."""
    while True:
        for case in malformed, smuggling, headers, chunks, bombs, deep, endless_line, websocket:
            case()


if __name__ == "__main__":
    globals()[sys.argv[2]](*sys.argv[3:])
