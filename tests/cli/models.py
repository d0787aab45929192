#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tests/cli/serve_models.sh does that a shell cannot.

    models.py rows | flows                     data on standard output
    models.py stream URL TOKEN VERSION         connections through a service, and what is made of them
    models.py watched URL TOKEN VERSION
    models.py retrain URL TOKEN BGUARD          by verdicts on its alerts
    models.py triton URL TOKEN VERSION         with tritonclient and the types of mlserver
    models.py mlserver BGUARD MODEL ROWS MLSERVER   a model of ours that asks a real MLServer
"""
import csv, json, os, random, socket, subprocess, sys, tempfile, time, urllib.request

COLUMNS = ("duration", "bytes_out", "bytes_in", "port")


def fail(why):
    sys.exit(str(why))


def row(r, attack):
    return (round(r.random() * (100 if attack else 2) + (50 if attack else 0), 4), r.randrange(10**6 if attack else 1000) + (10**5 if attack else 0),
            r.randrange(1000), r.choice((80, 443)))


def rows():
    r = random.Random(7)
    print(",".join(COLUMNS) + ",label")
    for i in range(1200):
        attack = i % 5 == 0
        print(",".join(map(str, row(r, attack))) + f",{int(attack)}")


def plain(r, attack):
    """What no model can be in doubt about."""
    return (250 if attack else round(0.8 + r.random() * 0.4, 4), 5000000 if attack else 400 + r.randrange(200), 400 + r.randrange(200), 80)


def flow(r, attack, n):
    duration, out, back, port = plain(r, attack)
    return {"@timestamp": f"2026-01-01T12:{n // 60 % 60:02}:{n % 60:02}Z", "source_ip": f"192.0.2.{n % 40 + 1}", "destination_ip": "198.51.100.7",
            "port": port, "proto": "tcp", "duration": duration, "bytes_out": out, "bytes_in": back}


def flows():
    r = random.Random(9)
    for n in range(400):
        print(json.dumps(flow(r, n % 20 == 0, n)))


def ask(url, token, method, path, body=None, media="application/json"):
    q = urllib.request.Request(url + path, body if body is None or isinstance(body, bytes) else json.dumps(body).encode(), method=method)
    q.add_header("Authorization", "Bearer " + token)
    if body is not None:
        q.add_header("Content-Type", media)
    try:
        with urllib.request.urlopen(q) as a:
            data = a.read()
    except urllib.error.HTTPError as e:
        fail(f"{method} {path}: {e.code} {e.read()[:400]}")
    return json.loads(data) if data[:1] in b"{[" else data.decode()


def await_that(why, holds):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if holds():
            return
        time.sleep(0.05)
    fail(why)


def stream(url, token, version):
    r = random.Random(11)
    lines = [flow(r, n % 10 == 0, n) for n in range(200)]
    ask(url, token, "POST", "/api/events", "\n".join(map(json.dumps, lines)).encode(), "application/x-ndjson")
    alerts = []

    def raised():
        alerts[:] = ask(url, token, "GET", "/api/alerts?rule=flows&limit=1000")["alerts"]
        return len(alerts) >= 4

    await_that("no alerts of the model", raised)
    # 20 attacks of 4 sources: those of one source are one alert.
    sources = {a["entity"]["source.ip"] for a in alerts}
    if len(sources) != len(alerts):
        fail(f"{len(alerts)} alerts of {len(sources)} sources")
    if any(a["kind"] != "model" or not a["reason"] or "model.version" not in a["evidence"] for a in alerts):
        fail(alerts)
    got = ask(url, token, "POST", "/api/threat/detect-realtime", {"events": [flow(r, False, 1), flow(r, True, 2)]})
    scores = [x["models"][0] for x in got["results"]]
    if [s["alarm"] for s in scores] != [False, True] or (version and scores[0]["version"] != version) or not scores[1]["reasons"]:
        fail(scores)
    got = ask(url, token, "POST", "/api/threat/monitor-network", {"flows": [flow(r, n == 3, n) for n in range(6)]})
    if [s["event"] for s in got["models"] if s["alarm"]] != [3] or len(got["models"]) != 6:
        fail(got["models"])
    got = ask(url, token, "POST", "/api/threat/analyze-behavior", {"entity": "source.ip:192.0.2.1", "events": [flow(r, True, 0)]})
    if not got["models"][0]["alarm"]:
        fail(got)


def watched(url, token, version):
    one = [v for v in ask(url, token, "GET", "/api/models/flows/watch")["versions"] if v["version"] == version]
    if not one or one[0]["rows"] < 200 or one[0]["alarms"] < 20 or not one[0]["mean_us"]:
        fail(one)
    metrics = ask(url, token, "GET", "/metrics")
    for line in (f'bguard_model_rows_total{{model="flows",version="{version}"}}', f'bguard_model_row_seconds_bucket{{model="flows",version="{version}",le="+Inf"}}'):
        if line not in metrics:
            fail(f"no {line} in the metrics")
    health = ask(url, token, "GET", "/health/detailed")
    if not any(c["name"] == "models" and c["status"] == "ok" for c in health["components"]):
        fail(health)


def verdicts(url, token):
    """People say that none of its alarms was an attack: an alert says that it is worse than its card."""
    r = random.Random(13)
    ask(url, token, "POST", "/api/events", "\n".join(json.dumps(flow(r, True, n)) for n in range(40)).encode(), "application/x-ndjson")
    await_that("too few alerts", lambda: len(ask(url, token, "GET", "/api/alerts?rule=flows&limit=1000")["alerts"]) >= 40)
    for a in ask(url, token, "GET", "/api/alerts?rule=flows&limit=1000")["alerts"]:
        ask(url, token, "POST", f"/api/alerts/{a['id']}/close", {"verdict": "false_positive"})
    until = time.monotonic() + 120  # they are counted once a minute
    while not ask(url, token, "GET", "/api/alerts?rule=models.accuracy_sinks")["alerts"]:
        if time.monotonic() > until:
            fail(ask(url, token, "GET", "/api/models/flows/watch"))
        time.sleep(0.5)


def retrain(url, token, bguard):
    """People say that what is sent to port 443 is a backup and no attack: a version that learned it comes into shadow."""
    r = random.Random(17)

    def sent(backup, n):
        return dict(flow(r, True, n), source_ip=f"192.0.2.{n + 1}", port=443 if backup else 80, duration=round(250 + r.random() * 20, 4))

    def run(*words):
        return subprocess.run([bguard, "model", "retrain", "flows", "--option", "trees=60,rate=0.2,columns=1", *words], capture_output=True, text=True)

    def closed(n):
        asked = run("--data", "rows.csv")
        if asked.returncode == 0 or f"{n} verdicts; 20 are needed" not in asked.stderr:
            fail(asked)

    closed(0)
    ask(url, token, "POST", "/api/events", "\n".join(json.dumps(sent(n % 2, n)) for n in range(60)).encode(), "application/x-ndjson")
    await_that("too few alerts", lambda: len(ask(url, token, "GET", "/api/alerts?rule=flows&limit=1000")["alerts"]) >= 60)
    alerts = ask(url, token, "GET", "/api/alerts?rule=flows&limit=1000")["alerts"]
    for i, a in enumerate(alerts):
        if i == 3:
            closed(3)
        verdict = "false_positive" if " port=443 " in f" {a['evidence']['model.row']} " else "true_positive"
        ask(url, token, "POST", f"/api/alerts/{a['id']}/close", {"verdict": verdict})
    judged = list(csv.DictReader(ask(url, token, "GET", "/api/models/flows/verdicts").splitlines()))
    if len(judged) != 60 or any((v["label"] == "0") != (v["port"] == "443") or not v["target_2s"] or float(v["duration"]) < 250 for v in judged):
        fail(judged[:3])
    before = {v["version"]: v["state"] for v in ask(url, token, "GET", "/api/models/flows")["models"]}
    done = run("--data", "rows.csv")
    after = {v["version"]: v["state"] for v in ask(url, token, "GET", "/api/models/flows")["models"]}
    new = [v for v in after if v not in before]
    if done.returncode or len(new) != 1 or after[new[0]] != "shadow" or new[0] not in done.stdout or any(after[v] != s for v, s in before.items()):
        fail((done, before, after))
    card = ask(url, token, "GET", "/api/models/flows/" + new[0])["card"]
    if "60 verdicts" not in json.dumps(card):
        fail(card)

    def alarms(backup):
        got = ask(url, token, "POST", "/api/threat/detect-realtime", {"events": [sent(backup, 70)]})
        return {m["version"]: m["alarm"] for m in got["results"][0]["models"]}

    await_that("the new version does not score", lambda: new[0] in alarms(False))
    if not alarms(False)[new[0]] or alarms(True)[new[0]] or not all(a for v, a in alarms(True).items() if v != new[0]):
        fail((alarms(False), alarms(True)))
    alone = run("--json")
    if alone.returncode or json.loads(alone.stdout)["state"] != "done":
        fail(alone)
    refused = run("--data", "../bguard.db")
    if refused.returncode == 0 or "below the folder" not in refused.stderr:
        fail(refused)


def jobs(url, token):
    def job(**body):
        return ask(url, token, "POST", "/api/models/jobs", body)

    def end_of(one):
        seen = []
        await_that("it does not end", lambda: seen.append(ask(url, token, "GET", "/api/models/jobs/" + one["id"])) or seen[-1]["state"] != "running")
        return seen[-1]

    def refused(status, **body):
        q = urllib.request.Request(url + "/api/models/jobs", json.dumps(body).encode(), {"Authorization": "Bearer " + token, "Content-Type": "application/json"})
        try:
            urllib.request.urlopen(q)
        except urllib.error.HTTPError as e:
            if e.code == status:
                return
            fail(f"{body}: {e.code} {e.read()[:300]}")
        fail(f"{body} was not refused")

    done = end_of(job(kind="xgboost", name="flows", data="rows.csv", option="trees=20"))
    if done["state"] != "done" or not done["version"] or not done["progress"] or done["data"] != "rows.csv":
        fail(done)
    told = [e for e in ask(url, token, "GET", "/api/audit?limit=50")["entries"] if e["action"] == "model.train"]
    if not told or done["id"] not in json.dumps(told[0]) or "rows.csv" not in json.dumps(told[0]):
        fail(told)
    card = ask(url, token, "GET", "/api/models/flows/" + done["version"])
    if card["version"]["state"] != "stored" or card["kind"] != "xgboost":
        fail(card)
    failed = end_of(job(kind="xgboost", name="flows", rows="no,rows\n"))
    if failed["state"] != "failed" or not failed["why"]:
        fail(failed)
    for data in "../bguard.db", "/etc/passwd", "a/../../b", "-x", "":
        refused(400, kind="iforest", name="flows", data=data)
    refused(400, kind="remote", name="flows", data="rows.csv", option="url=http://192.0.2.1")
    refused(400, kind="ensemble", name="flows", data="rows.csv", option="members=iforest+remote,remote=url=http://192.0.2.1;model=m;key=/etc/passwd")
    refused(400, kind="iforest", name="../flows", data="rows.csv")
    long = dict(kind="iforest", name="flows", data="rows.csv", option="trees=5000,sample=60000")
    one = job(**long)
    refused(429, **long)
    if ask(url, token, "DELETE", "/api/models/jobs/" + one["id"])["state"] != "cancelled":
        fail("it was not cancelled")
    one = job(**long)
    open("job", "w").write(one["id"])
    if len(ask(url, token, "GET", "/api/models/jobs")["jobs"]) != 4:
        fail("not all jobs are listed")


# ---- other people's programs ----


def near(a, b):
    return abs(a - b) < 1e-6


def triton(url, token, version):
    import numpy as np
    import tritonclient.http as http
    from mlserver.types import InferenceResponse, MetadataModelResponse, MetadataServerResponse
    from tritonclient.utils import InferenceServerException

    auth = {"Authorization": "Bearer " + token}
    client = http.InferenceServerClient(url.removeprefix("http://"))
    if not (client.is_server_live() and client.is_server_ready() and client.is_model_ready("flows", headers=auth) and client.is_model_ready("flows", version, headers=auth)):
        fail("not ready")
    MetadataServerResponse.model_validate(client.get_server_metadata(headers=auth))
    about = client.get_model_metadata("flows", headers=auth)
    MetadataModelResponse.model_validate(about)
    columns = about["parameters"]["columns"]
    r = random.Random(3)
    raw = [plain(r, n % 3 == 0) for n in range(50)]
    order = [COLUMNS.index(c) for c in columns]
    x = np.array([[v[i] for i in order] for v in raw], dtype=np.float32)
    answers = []
    for binary in (False, True):
        for kind in (np.float32, np.float64):
            tensor = http.InferInput("x", list(x.shape), "FP32" if kind is np.float32 else "FP64")
            tensor.set_data_from_numpy(x.astype(kind), binary_data=binary)
            wanted = [http.InferRequestedOutput(n, binary_data=binary) for n in ("score", "alarm", "reasons")]
            for outputs in (None, wanted):
                got = client.infer("flows", [tensor], model_version=version, outputs=outputs, request_id="r1", headers=auth)
                about = dict(got.get_response())
                if about["id"] != "r1" or about["model_version"] != version:
                    fail(about)
                if not binary and outputs:
                    InferenceResponse.model_validate(about)
                answers.append(got.as_numpy("score"))
                if got.as_numpy("alarm").shape != (50,) or (outputs and got.as_numpy("reasons").shape != (50,)):
                    fail(about)
    each = []
    for i, name in enumerate(columns):
        tensor = http.InferInput(name, [50, 1], "FP32")
        tensor.set_data_from_numpy(x[:, i : i + 1].copy())
        each.append(tensor)
    answers.append(client.infer("flows", each, headers=auth).as_numpy("score"))
    if any(a.shape != (50,) or not np.allclose(a, answers[0], atol=1e-6) for a in answers):
        fail("the answers differ")
    alarms = client.infer("flows", each, headers=auth).as_numpy("alarm")
    if sum(bool(a) == (n % 3 == 0) for n, a in enumerate(alarms)) < 45:
        fail(alarms)
    bad = http.InferInput("x", [1, 3], "FP32")
    bad.set_data_from_numpy(np.zeros((1, 3), np.float32))
    for what in (lambda: client.infer("flows", [bad], headers=auth), lambda: client.infer("none", each, headers=auth),
                 lambda: client.infer("flows", each, headers={}), lambda: client.get_model_metadata("flows", "000000000000", headers=auth)):
        try:
            what()
        except InferenceServerException as e:
            if not e.message() or e.status() not in ("400", "401", "404"):
                fail(f"{e.status()} {e.message()}")
        else:
            fail("no error was told")
    # A whole answer as MLServer's types see it, of a request that they wrote.
    from mlserver.types import InferenceRequest, RequestInput

    request = InferenceRequest(id="r2", inputs=[RequestInput(name="x", shape=list(x.shape), datatype="FP32", data=x.flatten().tolist())])
    body = ask(url, token, "POST", "/v2/models/flows/infer", request.model_dump_json(exclude_none=True).encode())
    answer = InferenceResponse.model_validate(body)
    if answer.id != "r2" or not all(near(a, b) for a, b in zip(answer.outputs[0].data.root, answers[0].tolist())):
        fail(body)


RUNTIME = '''
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
import numpy as np

class Sums(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        x = NumpyCodec.decode_input(payload.inputs[0])
        score = np.clip(x[:, 0] / 200.0, 0, 1)
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("p", score.astype(np.float32))])
'''


def free_ports(n):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def start_mlserver(program, folder):
    http, grpc, metrics = free_ports(3)
    os.makedirs(folder)
    open(f"{folder}/sums.py", "w").write(RUNTIME)
    json.dump({"name": "sums", "implementation": "sums.Sums"}, open(f"{folder}/model-settings.json", "w"))
    json.dump({"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0, "debug": False},
              open(f"{folder}/settings.json", "w"))
    log = open(f"{folder}/log", "w")
    process = subprocess.Popen([program, "start", folder], stdout=log, stderr=log, cwd=folder)
    url = f"http://127.0.0.1:{http}"

    def is_ready():
        if process.poll() is not None:
            fail("MLServer ended: " + open(f"{folder}/log").read()[-600:])
        try:
            return urllib.request.urlopen(url + "/v2/models/sums/ready").status == 200
        except OSError:
            return False

    await_that("MLServer is not ready", is_ready)
    return process, url


def mlserver(bguard, model, data, program):
    process, url = start_mlserver(program, os.path.abspath("mlserver"))
    try:
        made = subprocess.run([bguard, "model", "train", "remote", "--data", data, "--format", "csv", "--out", "remote.bgm", "--option", f"url={url}",
                               "--option", "model=sums", "--option", "output=p"], capture_output=True, text=True)
        if made.returncode:
            fail(made.stderr[-600:])
        judged = subprocess.run([bguard, "model", "eval", "remote.bgm", "--data", data, "--format", "csv", "--remote", url, "--json"], capture_output=True, text=True)
        if judged.returncode or json.loads(judged.stdout)["roc_auc"] < 0.95:
            fail(judged.stderr[-300:] + judged.stdout[:600])
    finally:
        process.terminate()
        process.wait()
    # Nobody is there any more: its score is missing, and that is said.
    judged = subprocess.run([bguard, "model", "eval", "remote.bgm", "--data", data, "--format", "csv", "--remote", url], capture_output=True, text=True)
    if "not scored         1200 rows" not in (judged.stderr + judged.stdout):
        fail(judged.stderr[-600:] + judged.stdout[:1600])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
