#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Take away what the service stands on, look at what it says, give it back, and count.

    faults.py disk-full|locked|locked-to-the-end|stop|postgresql DATA PORT -- OPTION...
"""
import http.client, json, os, signal, sqlite3, subprocess, sys, threading, time

from service import Service, await_that, fail


class Events:
    """Of users of their own; `owed` are those that were answered 200."""

    def __init__(self, service):
        self.service, self.n, self.owed = service, 0, set()

    def send(self, key=None, count=20, padding=0):
        """-> (status, headers, body)"""
        self.n += 1
        key = key or f"upload-{self.n}"
        users = [f"{key}-{k}" for k in range(count)]
        body = "".join(json.dumps({"event.action": "unique", "user.name": u, "padding": "x" * padding}) + "\n" for u in users)
        got = self.service.ask("POST", "/api/events?format=ecs", body.encode(), {"Idempotency-Key": key})
        if got[0] == 200:
            self.owed.update(users)
        return got

    def settle(self, key, **more):
        """Again and again until it is acknowledged."""
        await_that(f"{key} is not taken", lambda: self.send(key, **more)[0] == 200, self.service)

    def check(self):
        alerts = self.service.alerts()
        seen = [a["entity"].get("user.name") or a["entity"]["user"] for a in alerts]
        if lost := self.owed - set(seen):
            fail(f"{len(lost)} of {len(self.owed)} that were acknowledged are not there: {sorted(lost)[:5]}")
        if len(set(seen)) != len(seen) or any(a["count"] != 1 for a in alerts):
            fail("something is there twice")
        print(f"{len(self.owed)} acknowledged, {len(seen)} there")


def expect_503(got):
    status, headers, body = got
    if status != 503 or not headers["Retry-After"] or headers["Content-Type"] != "application/problem+json":
        fail(f"no 503 with Retry-After: {status} {headers} {body[:300]}")
    problem = json.loads(body)
    if problem["code"] != "unavailable" or not problem["detail"]:
        fail(f"an unclear problem: {problem}")


def component(service, name):
    return next(c for c in service.json("/health/detailed")["components"] if c["name"] == name)


def is_well(service):
    return service.is_ready() and service.json("/health/detailed")["status"] != "starting" and component(service, "store")["status"] == "ok"


def outage(service, events, last_error):
    """In the middle of one: refused with a reason, alive, not ready."""
    expect_503(events.send("during"))
    expect_503(events.send("during-too"))
    await_that("it stays ready", lambda: service.get("/health/ready") == 503, service)
    if service.get("/health/live") != 200:
        fail("it is not alive")
    store = component(service, "store")
    if store["status"] != "failed" or last_error not in store["last_error"]:
        fail(f"the store is said to be {store}")


def disk_full(service, events, data):
    service.start()
    events.settle("before")
    with open(f"{data}/filler", "wb", buffering=0) as f:
        try:
            while f.write(b"x" * 65536):
                pass
        except OSError:
            pass
    for i in range(200):  # the database has some room of its own
        got = events.send(f"filling-{i}", padding=3000)
        if got[0] != 200:
            break
    expect_503(got)
    outage(service, events, "disk is full")
    os.unlink(f"{data}/filler")
    await_that("it does not recover", lambda: is_well(service), service)
    for key in "during", "during-too", "after":
        events.settle(key)
    events.settle(f"filling-{i}", padding=3000)


def locked(service, events, data):
    service.start()
    events.settle("before")
    other = sqlite3.connect(f"{data}/bguard.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outage(service, events, "locked")
    other.execute("ROLLBACK")
    await_that("it does not recover", lambda: is_well(service), service)
    for key in "during", "during-too", "after":
        events.settle(key)


def locked_to_the_end(service, events, data):
    """Stopped in an outage: what was refused is given up, and may be repeated after it."""
    service.start()
    events.settle("before")
    other = sqlite3.connect(f"{data}/bguard.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outage(service, events, "locked")
    if status := service.stop():
        fail(f"it ended with {status}: {service.last_line()}")
    other.execute("ROLLBACK")
    service.start()
    for key in "before", "during", "during-too":
        events.settle(key)


class Server:
    def __init__(self):
        self.folder, self.run = os.environ["PGFOLDER"], os.environ["PGRUN"].split()

    def start(self):
        command = [*self.run[:-1], f"{self.run[-1]}/postgres", "-D", f"{self.folder}/data", "-F", "-h", "", "-k", self.folder]
        with open("postgres.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        ready = [f"{self.run[-1]}/pg_isready", "-q", "-h", self.folder, "-U", "bguard"]
        await_that("PostgreSQL does not start", lambda: subprocess.run(ready).returncode == 0)

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        self.process.wait()


def log_in(service):
    """The key in $BGUARD_TOKEN, of a service that is new."""
    os.environ["BGUARD_TOKEN"] = "-"
    service.start()
    env = dict(os.environ, BGUARD_SERVER=f"http://127.0.0.1:{service.port}", XDG_CONFIG_HOME=os.getcwd())
    del env["BGUARD_TOKEN"]
    run = lambda *words, **more: subprocess.run([os.environ["BGUARD"], *words], env=env, check=True, text=True, capture_output=True, **more).stdout
    run("login", "--quiet", input=os.environ["BGUARD_ADMIN_PASSWORD"] + "\n")
    os.environ["BGUARD_TOKEN"] = run("keys", "add", "faults").strip()


def postgresql(service, events, data):
    server = Server()
    server.start()
    try:
        log_in(service)
        for how in signal.SIGINT, signal.SIGQUIT:
            events.settle(f"before-{how}")
            server.stop(how)
            outage(service, events, "database server")
            server.start()
            await_that("it does not recover", lambda: is_well(service), service)
            for key in "during", "during-too", f"after-{how}":
                events.settle(key)
        events.check()
        if service.stop():
            fail("it did not stop well")
    finally:
        if service.process and service.process.poll() is None:
            service.kill()
        server.stop()


def stop(service, events, data):
    """Whoever was in the middle has an answer or a broken connection; who has a 200 has his alerts."""
    service.start()
    answers, ended = [], threading.Event()

    def write(name):
        i = 0
        while not ended.is_set():
            i += 1
            try:
                answers.append(events.send(f"{name}-{i}", padding=3000, count=1 + i % 50)[0])
            except (OSError, http.client.HTTPException):
                answers.append(0)
                if service.process.poll() is not None:
                    return

    threads = [threading.Thread(target=write, args=(n,)) for n in "abc"]
    for t in threads:
        t.start()
    await_that("nothing is taken", lambda: answers.count(200) > 50, service)
    status = service.stop()
    ended.set()
    for t in threads:
        t.join()
    if status or set(answers) - {200, 503, 0}:
        fail(f"status {status}, answers {set(answers)}: {service.last_line()}")
    service.start()


def main():
    name, data, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    service = Service(port, "--data", data, *sys.argv[sys.argv.index("--") + 1:])
    events = Events(service)
    case = {"disk-full": disk_full, "locked": locked, "locked-to-the-end": locked_to_the_end, "stop": stop, "postgresql": postgresql}[name]
    try:
        case(service, events, data)
        if name != "postgresql":
            events.check()
            if status := service.stop():
                fail(f"it ended with {status}: {service.last_line()}")
    finally:
        if service.process and service.process.poll() is None:
            service.kill()


main()
