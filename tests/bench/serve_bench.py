#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the service costs: one table for docs/performance.md.

  serve_bench.py [--bguard FILE] [--load FILE] [--rules PATH] [--big FILE] [--seconds N]

--rules: rules (rules/); --big: an NDJSON file to upload and to give to `bguard detect` (left out without).
wrk must be installed.  CPU is the service's own, user and system; rates are what this machine did with the
load generator on it, so compare them within one run only."""
import argparse, json, os, re, signal, statistics, subprocess, sys, tempfile, threading, time, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PASSWORD = "correct-horse-battery"
rows = []


def row(what, figure):
    rows.append((what, figure))
    print(f"| {what} | {figure} |", flush=True)


class Service:
    def __init__(self, a, folder, rules, *settings):
        self.a, self.folder = a, folder
        self.env = dict(os.environ, XDG_CONFIG_HOME=folder + "/config", BGUARD_ADMIN_PASSWORD=PASSWORD)
        for name in ("BGUARD_TOKEN", "BGUARD_SERVER", "PORT", "DATABASE_URL", "JWT_SECRET"):
            self.env.pop(name, None)
        argv = [a.bguard, "serve", "--listen", "127.0.0.1:0", "--data", folder + "/data", "--set", "limits.rate=0"]
        for r in rules:
            argv += ["--rules", r]
        for s in settings:
            argv += ["--set", s]
        began = time.monotonic()
        self.log = open(folder + "/log", "w+")
        self.process = subprocess.Popen(argv, env=self.env, stdout=subprocess.DEVNULL, stderr=self.log)
        self.url = self._ready()
        self.start_ms = (time.monotonic() - began) * 1000
        self.env["BGUARD_SERVER"] = self.url

    def _ready(self):
        while self.process.poll() is None:
            port = re.findall(r'"port":(\d+)', open(self.folder + "/log").read())
            try:
                url = f"http://127.0.0.1:{port[-1]}" if port else None
                if url and urllib.request.urlopen(url + "/health/ready").status == 200:
                    return url
            except OSError:
                pass
            time.sleep(0.002)
        sys.exit("the service ended: " + open(self.folder + "/log").read()[-400:])

    def command(self, *argv, **more):
        return subprocess.run([self.a.bguard, *argv], env=self.env, check=True, capture_output=True, text=True, **more).stdout

    def key(self):
        self.command("login", "--quiet", input=PASSWORD + "\n")
        text = self.command("keys", "add", "bench", "--days", "2").strip()
        path = self.folder + "/key"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(text)
        return path

    def status(self, name):
        return int(re.search(name + r":\s+(\d+)", open(f"/proc/{self.process.pid}/status").read()).group(1))

    def cpu_s(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.log.close()


def event():
    e = {"@timestamp": "2026-11-21T10:00:00Z", "event": {"category": ["authentication"], "outcome": "success", "dataset": "sshd"},
         "user": {"name": "alice"}, "source": {"ip": "192.0.2.10", "port": 51234}, "host": {"name": "web-1"},
         "process": {"name": "sshd", "pid": 4242}, "message": "Accepted publickey for alice from 192.0.2.10", "labels": {}}
    while len(json.dumps({"event": e})) < 1000:
        e["labels"][f"k{len(e['labels'])}"] = "a value of no meaning"
    return json.dumps({"event": e})


def wrk(s, path, script, seconds, connections=32):
    before = s.cpu_s()
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script, s.url + path],
                         check=True, capture_output=True, text=True).stdout
    n = int(re.search(r"(\d+) requests in", out).group(1))
    if "Non-2xx" in out:
        sys.exit(out)
    return n / seconds, (s.cpu_s() - before) / n * 1e6


def bgload(a, *argv):
    out = subprocess.run([a.load, *argv, "--json"], capture_output=True, text=True)
    if out.returncode:
        sys.exit(out.stderr)
    return json.loads(out.stdout)


def realtime(a, folder):
    s = Service(a, folder, [a.rules])
    key, body = s.key(), folder + "/event.json"
    open(body, "w").write(event())
    script = folder + "/{}.lua"
    head = f'wrk.headers["Authorization"] = "Bearer " .. io.open("{key}"):read("*l")\n'
    open(script.format("get"), "w").write(head)
    open(script.format("post"), "w").write(head + f'wrk.method = "POST"; wrk.body = io.open("{body}"):read("*a")\n'
                                           'wrk.headers["Content-Type"] = "application/json"\n')
    turns = [(wrk(s, "/health", script.format("get"), a.seconds),
              wrk(s, "/api/threat/detect-realtime", script.format("post"), a.seconds)) for _ in range(3)]
    health, judged = ([statistics.median(t[i][k] for t in turns) for k in (0, 1)] for i in (0, 1))
    row("GET /health, requests/s, CPU each", f"{health[0]:,.0f}, {health[1]:.1f} us")
    row("POST /api/threat/detect-realtime, 1 KB, requests/s, CPU each", f"{judged[0]:,.0f}, {judged[1]:.1f} us")
    row("of the rate of /health (wanted: 50 %)", f"{judged[0] / health[0]:.0%}")
    got = bgload(a, "http", s.url + "/api/threat/detect-realtime", "--connections", "32", "--seconds", str(a.seconds),
                 "--rate", str(int(judged[0] / 2)), "--post", body, "--type", "application/json", "--token-file", key)
    row("at half of that, p50, p99 (wanted: p99 < 5 ms)", f"{got['latency_ms']['p50']:.2f}, {got['latency_ms']['p99']:.2f} ms")
    s.stop()


def upload(a, folder):
    threads = str(os.cpu_count())
    size = os.path.getsize(a.big)
    s = Service(a, folder, [a.rules], "threads.workers=" + threads, "pipeline.min_level=high")
    with open(s.key()) as f, open(folder + "/curl", "w") as to:
        to.write(f'header = "Authorization: Bearer {f.read()}"\n')
    up, detect, cpu = [], [], []
    for _ in range(3):
        before, began = s.cpu_s(), time.monotonic()
        subprocess.run(["curl", "-sf", "-K", folder + "/curl", "-X", "POST", "-T", a.big, "-o", folder + "/answer", s.url + "/api/events"], check=True)
        up.append(time.monotonic() - began)
        cpu.append(s.cpu_s() - before)
        began = time.monotonic()
        subprocess.run([a.bguard, "detect", "-q", "--threads", threads, "--rules", a.rules, "--min-level", "high", "-o", "none", a.big], env=s.env, check=True)
        detect.append(time.monotonic() - began)
    s.stop()
    u, d = statistics.median(up), statistics.median(detect)
    row(f"upload of {size / 1e6:,.0f} MB with curl, MB/s, CPU of the service", f"{size / u / 1e6:,.0f}, {statistics.median(cpu):.2f} s")
    row(f"`bguard detect --threads {threads}` on it, MB/s", f"{size / d / 1e6:,.0f}")
    row("upload, of the rate of detect (wanted: 70 %)", f"{d / u:.0%}")




def live(a, folder, clients, rate, label):
    os.makedirs(folder + "/rules")
    open(folder + "/rules/drill.yml", "w").write("""title: Drill
id: 00000000-0000-4000-8000-000000000001
status: test
logsource: {product: linux, service: sshd}
detection: {keywords: ['drill'], condition: keywords}
level: high
""")
    s = Service(a, folder, [folder + "/rules"], "limits.connections_address=5000")
    key = s.key()
    before_kib = s.status("VmRSS")
    seconds = max(a.seconds, 5)
    stop = threading.Event()

    def feed():
        head = {"Authorization": "Bearer " + open(key).read(), "Content-Type": "text/plain"}
        n, began = 0, time.monotonic()
        while not stop.is_set():
            due = int((time.monotonic() - began) * rate) - n
            if due > 0:
                lines = "".join(f"Nov 21 10:00:00 host-{n + i} sshd[42]: drill\n" for i in range(due))
                urllib.request.urlopen(urllib.request.Request(s.url + "/api/events", lines.encode(), head)).read()
                n += due
            time.sleep(min(1 / rate, 0.02))

    t = threading.Timer(1.5, feed)
    t.daemon = True
    t.start()
    held = threading.Timer(1.2, lambda: setattr(s, "with_clients", s.status("VmRSS")))
    held.start()
    got = bgload(a, "ws", s.url.replace("http", "ws") + "/ws", "--clients", str(clients), "--seconds", str(seconds),
                 "--token-file", key, "--subscribe", "alerts")
    stop.set()
    t.join()
    delay = got["delivery_ms"]
    if got["clients_lost"] or got["clients_refused"] or got["gaps"]:
        sys.exit(json.dumps(got))
    row(f"WebSocket, {label}: deliveries, p50, p99 (wanted: p99 < 50 ms)",
        f"{got['deliveries']:,}, {delay['p50']:.1f}, {delay['p99']:.1f} ms")
    row(f"WebSocket, {clients:,} idle clients, memory of each (wanted: < 20 kB)", f"{(s.with_clients - before_kib) * 1.024 / clients:.1f} kB")
    s.stop()


def idle(a, folder):
    first = Service(a, folder, [])
    row("first start to ready (makes keys and a password's hash)", f"{first.start_ms:.0f} ms")
    first.stop()
    for rules, label in (([], "no rules"), ([a.rules], "rules")):
        Service(a, folder, rules).stop()  # fills the cache of rules
        took = []
        for _ in range(5):
            s = Service(a, folder, rules)
            took.append(s.start_ms)
            time.sleep(0.3)
            rss = s.status("VmRSS")
            s.stop()
        row(f"{label}: start to ready (wanted: < 200 ms)", f"{statistics.median(took):.0f} ms ({min(took):.0f} to {max(took):.0f})")
        row(f"{label}: idle memory, resident (wanted: < 40 MB)", f"{rss * 1.024 / 1000:.1f} MB")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bguard", default=ROOT + "/build/release/bguard")
    p.add_argument("--load", default=ROOT + "/build/release/load/bgload")
    p.add_argument("--rules", default=ROOT + "/rules")
    p.add_argument("--big")
    p.add_argument("--seconds", type=int, default=5)
    p.add_argument("--only", choices=["realtime", "upload", "live", "idle"])
    a = p.parse_args()
    print("| what | measured |\n|---|---|")
    parts = {"realtime": [realtime], "upload": [upload] if a.big else [],
             "live": [lambda a, f: live(a, f, 1000, 1, "1,000 clients, 1 alert/s"), lambda a, f: live(a, f, 200, 500, "200 clients, 500 alerts/s")],
             "idle": [idle]}
    for name, runs in parts.items():
        for run in runs if a.only in (None, name) else []:
            with tempfile.TemporaryDirectory() as folder:
                run(a, folder)


main()
