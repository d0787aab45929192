#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A connection over TLS that outlives a change of certificate, and testssl.sh's findings; for serve_tls.sh.

    tls.py old-and-new PORT          ask on one connection; for each line on standard input ask again on it, and on a new one
    tls.py findings FILE ID...       what testssl.sh found that is worse than LOW, but for those that are expected
"""
import hashlib, json, socket, ssl, sys


def connect(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 60))


def ask(s):
    """The answer's status, and the fingerprint of the certificate the connection began with."""
    s.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    status = s.recv(65536).split(b" ")[1].decode()
    return status + " " + hashlib.sha256(s.getpeercert(True)).hexdigest()


def old_and_new(port):
    old = connect(int(port))
    print("old", ask(old), flush=True)
    for _ in sys.stdin:
        print("old", ask(old), flush=True)
        with connect(int(port)) as new:
            print("new", ask(new), flush=True)


def findings(path, *expected):
    """Prints them; status 1 when one is not expected."""
    bad = 0
    for f in json.load(open(path)):
        if f["severity"] in ("OK", "INFO", "LOW"):
            continue
        known = any(f["id"] == e or f["id"].startswith(e + " ") for e in expected)
        bad += not known
        print("expected" if known else "unexpected", f["severity"], f["id"], f["finding"][:100])
    sys.exit(bad > 0)


if __name__ == "__main__":
    {"old-and-new": old_and_new, "findings": findings}[sys.argv[1]](*sys.argv[2:])
