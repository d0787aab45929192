# SPDX-License-Identifier: Apache-2.0
"""What the Python scripts here share: a service that can be killed, and who asks it.

The program is $BGUARD, the key of the API $BGUARD_TOKEN.  Standard library only.
"""
import http.client, json, os, signal, subprocess, sys, time, urllib.parse

DEADLINE = 60  # seconds; only for what will never come


def fail(why):
    sys.exit(f"{why}")


def await_that(why, holds, service=None):
    """Until it holds; returns what it returned."""
    until = time.monotonic() + DEADLINE
    while True:
        got = holds()
        if got:
            return got
        if service and service.process and service.process.poll() is not None:
            fail(f"{why}: the service ended with {service.process.returncode}: {service.last_line()}")
        if time.monotonic() > until:
            fail(why() if callable(why) else why)
        time.sleep(0.02)


class Service:
    """On a fixed port, so that clients find it again after a restart."""

    def __init__(self, port, *options, log="service.log"):
        self.port, self.options, self.log, self.process = port, options, log, None

    def start(self, ready=True):
        command = [os.environ["BGUARD"], "serve", "--listen", f"127.0.0.1:{self.port}", *self.options]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
        if ready:
            await_that("the service is not ready", self.is_ready, self)

    def is_ready(self):
        return self.get("/health/ready") == 200

    def get(self, path):
        """The status only; 0: nobody answers."""
        try:
            return self.ask("GET", path)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def ask(self, method, path, body=None, headers=(), timeout=DEADLINE):
        """-> (status, headers, body).  OSError and HTTPException: the connection broke."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body, {"Authorization": "Bearer " + os.environ["BGUARD_TOKEN"], **dict(headers)})
            r = c.getresponse()
            return r.status, r.headers, r.read()
        finally:
            c.close()

    def json(self, path):
        status, _, body = self.ask("GET", path)
        if status != 200:
            fail(f"{path}: {status} {body[:300]}")
        return json.loads(body)

    def alerts(self, **filters):
        """All of them, page by page."""
        cursor, out = None, []
        while True:
            query = dict(filters, limit=1000, **({"cursor": cursor} if cursor else {}))
            page = self.json("/api/alerts?" + urllib.parse.urlencode(query))
            out += page["alerts"]
            cursor = page["next"]
            if not cursor:
                return out

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)

    def last_line(self):
        with open(self.log, errors="replace") as f:
            return (f.readlines() or [""])[-1].strip()
