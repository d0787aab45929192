#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kill the service again and again while it is written to from all sides; then count.

    crash.py DATA PORT SYSLOG-PORT [--kills N] [--seed S] -- OPTION...

Every event of action `unique` has a user of its own, so it is one alert.  Whoever was answered 200 is owed exactly
that one; so is the followed file; syslog has no answers, so it is owed no more than one.  Users of the action
`repeated` have FIVE events over several uploads, which one correlation alert is for; `paired` ones two of different kinds.
"""
import argparse, collections, http.client, json, os, random, socket, sqlite3, sys, threading, time

from service import Service, await_that, fail

FIVE = 5


def line(action, user, **more):
    return json.dumps({"event.action": action, "user.name": user, **more}) + "\n"


class Load:
    def __init__(self, service, seed):
        self.service, self.seed = service, seed
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.owed, self.correlated, self.tried = set(), collections.Counter(), collections.Counter()
        self.acks, self.retries = 0, collections.Counter()
        self.open_users = []  # of correlations: (rule, user, actions still to be sent)
        self.names = 0
        self.problems = []

    # -- one upload, until it is acknowledged

    def upload(self, key, text, events):
        body = text.encode()
        while True:
            try:
                status, _, answer = self.service.ask("POST", "/api/events?format=ecs", body, {"Idempotency-Key": key})
            except (OSError, http.client.HTTPException) as e:
                self.note(type(e).__name__)
                time.sleep(0.02)
                continue
            if status == 200:
                break
            self.note(status)
            if status not in (409, 503):
                self.problems.append(f"{key}: {status} {answer[:300]}")
                return
            time.sleep(0.02)
        taken = json.loads(answer)
        if taken["rejected"] or taken["accepted"] != events:
            self.problems.append(f"{key}: {events} events, {taken}")
        with self.lock:
            self.acks += 1

    def note(self, why):
        with self.lock:
            self.retries[why] += 1

    def correlation_events(self, r):
        """Some events for the correlations: each of a user in another upload."""
        out = []
        with self.lock:
            for _ in range(r.randrange(4)):
                if len(self.open_users) < 12:
                    self.names += 1
                    kind, left = r.choice([("five", ["repeated"] * FIVE), ("pair", ["ping", "pong"])])
                    self.open_users.append((kind, f"{kind}-{self.names}", left))
                kind, user, left = self.open_users.pop(r.randrange(len(self.open_users)))
                out.append((user, left[0]))
                if left[1:]:
                    self.open_users.append((kind, user, left[1:]))
        return out

    # -- who writes

    def small(self, name):
        r = random.Random(f"{self.seed}-{name}")
        i = 0
        while not self.done.is_set():
            i += 1
            users = [f"{name}-{i}-{k}" for k in range(r.randrange(1, 30))]
            shared = self.correlation_events(r)
            text = "".join(line("unique", u) for u in users) + "".join(line(a, u) for u, a in shared)
            self.send(f"{name}-{i}", text, users, shared)

    def large(self, name):
        r = random.Random(f"{self.seed}-{name}")
        i = 0
        while not self.done.is_set():
            i += 1
            users = [f"{name}-{i}-{k}" for k in range(200)]
            shared = self.correlation_events(r)
            lines = [line("unique", u) for u in users] + [line(a, u) for u, a in shared]
            lines += [line("nothing", "nobody", padding="x" * 400)] * 8000
            r.shuffle(lines)
            self.send(f"{name}-{i}", "".join(lines), users, shared)

    def send(self, key, text, users, shared):
        self.upload(key, text, text.count("\n"))
        with self.lock:
            self.owed.update(users)
            self.correlated.update(u for u, _ in shared)

    def file(self, path):
        """Written on and on; renamed as soon as the service is known to have seen it."""
        i = generation = 0
        first = None
        while not self.done.is_set():
            with open(path, "a") as f:
                for _ in range(10):
                    i += 1
                    user = f"file-{i}"
                    f.write(line("unique", user))
                    self.owed.add(user)
                    first = first or user
            if i % 50 == 0 and self.is_alerted(first):
                generation += 1
                os.rename(path, f"{path}.{generation}")
                first = None
            self.done.wait(0.01)
        self.rotations = generation

    def is_alerted(self, user):
        try:
            status, _, body = self.service.ask("GET", f"/api/alerts?entity={user}")
        except (OSError, http.client.HTTPException):
            return False
        return status == 200 and bool(json.loads(body)["alerts"])

    def syslog(self, port):
        i, s = 0, None
        while not self.done.wait(0.01):
            try:
                s = s or socket.create_connection(("127.0.0.1", port), timeout=5)
                i += 1
                text = f"<38>1 - host sshd 1 - - Failed password for invalid user syslog-{i} from 192.0.2.1 port 22 ssh2"
                s.sendall(f"{len(text)} {text}".encode())
                self.tried[f"syslog-{i}"] += 1
            except OSError:
                s = None


def user_of(alert):
    e = alert["entity"]
    return e.get("user.name") or e["user"]


def check(load, service):
    """What is owed is there once, and nothing is there twice."""
    full = {"five": FIVE, "pair": 2}
    wanted = load.owed | {u for u, n in load.correlated.items() if n == full[u.split("-")[0]]}
    have = {}

    def all_here():
        have.update((user_of(a), a) for a in service.alerts())
        return not wanted - have.keys()

    def missing():
        left = sorted(wanted - have.keys())
        return f"{len(left)} of {len(wanted)} alerts are missing: {' '.join(left[:20])}"

    await_that(missing, all_here, service)
    alerts = service.alerts()
    per_user = collections.Counter(user_of(a) for a in alerts)
    for a in alerts:
        user = user_of(a)
        if a["count"] != 1 or per_user[user] != 1:
            load.problems.append(f"{user}: {per_user[user]} alerts, count {a['count']}: {a['title']}")
        early = load.correlated.get(user)
        if early and early != full[user.split("-")[0]]:
            load.problems.append(f"{user}: an alert after {early} events")
    return have


def main():
    args = argparse.ArgumentParser()
    args.add_argument("data")
    args.add_argument("port", type=int)
    args.add_argument("syslog", type=int)
    args.add_argument("--kills", type=int, default=20)
    args.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    at = sys.argv.index("--")  # the service's own options come after it
    args, options = args.parse_args(sys.argv[1:at]), sys.argv[at + 1:]
    print(f"seed {args.seed}", flush=True)
    r = random.Random(args.seed)
    service = Service(args.port, "--data", args.data, "--set", f"syslog.tcp=127.0.0.1:{args.syslog}", *options)
    load = Load(service, args.seed)
    service.start()
    work = [(load.small, "a"), (load.small, "b"), (load.small, "c"), (load.large, "large"), (load.file, "app.log"), (load.syslog, args.syslog)]
    threads = [threading.Thread(target=f, args=(x,), daemon=True) for f, x in work]
    for t in threads:
        t.start()
    for _ in range(args.kills):
        wanted = load.acks + r.randrange(12)
        await_that("nothing is acknowledged", lambda: load.acks >= wanted or load.problems, service)
        time.sleep(r.random() * 0.05)
        service.kill()
        service.start(ready=r.random() < 0.8)
    await_that("the service is not ready", service.is_ready, service)
    load.done.set()
    for t in threads:
        t.join(60)
        if t.is_alive():
            fail(f"a writer is stuck; tried again for {dict(load.retries)}")
    have = check(load, service)
    status = service.stop()
    if status:
        load.problems.append(f"the service ended with {status}: {service.last_line()}")
    whole = sqlite3.connect(f"{args.data}/bguard.db").execute("PRAGMA integrity_check").fetchone()[0]
    if whole != "ok":
        load.problems.append(f"the database: {whole}")
    print(f"{args.kills} kills, {load.acks} uploads, {len(load.owed)} events owed, {len(have)} alerts, "
          f"{sum(1 for u in have if u[:5] in ('five-', 'pair-'))} correlations, {load.rotations} rotations, "
          f"{sum(u.startswith('syslog') for u in have)} of {len(load.tried)} by syslog, tried again: {dict(load.retries)}")
    if load.problems:
        fail(f"{len(load.problems)} problems: " + "; ".join(load.problems[:5]))


main()
