#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who gets into a running service, and who does not.

    tokens.py URL roles|forged_hs256|forged_hybrid SECRETS

roles: every route, asked by everybody (the service signs with HS256 and $JWT_SECRET).  forged_…: tokens that are none.
SECRETS is a file for all tokens that were given out: none of them may be in the service's log.
"""
import json, os, sys, time
from api import Client, PASSWORD, Wrong, b64, open_socket, parts, problem, read_document, run, sign_hs256, unb64

ROLES = {"read": {"intel:read", "alerts:read", "status:read", "models:read", "self"}}
ROLES["analyst"] = ROLES["read"] | {"events:write", "threat:use", "intel:write", "alerts:write"}
ROLES["admin elsewhere"] = ROLES["analyst"] | {"users:admin", "audit:read"}
ROLES["admin"] = ROLES["admin elsewhere"] | {"installation", "models:write"}
SECRET = os.environ.get("JWT_SECRET", "").encode()


class Kept(Client):
    """Remembers every secret that it was given or makes."""
    secrets = [PASSWORD]

    def ask(self, method, path, body=None, token="", **more):
        a = super().ask(method, path, body, token=token, **more)
        if "json" in a.media and a.body.startswith(b"{"):
            given = a.json()
            self.secrets += [given[k] for k in ("access_token", "refresh_token", "secret") if isinstance(given.get(k), str)]
        if a.status >= 400:
            problem(a)
            for secret in self.secrets:
                if secret.encode() in a.body:
                    raise Wrong(f"{method} {path}: a secret in the answer {a}")
        return a


def keep(client):
    with open(sys.argv[3], "a") as f:
        f.writelines(s + "\n" for s in client.secrets)
        f.writelines(part + "\n" for s in client.secrets for part in s.split(".")[2:])


def world(url):
    c = Kept(url)
    c.token = c.login("admin")["access_token"]
    c.must(201, "POST", "/api/tenants", {"id": "other"})
    return c


def expired(token):
    header, claims = parts(token)
    return sign_hs256(header, dict(claims, iat=claims["iat"] - 9000, exp=claims["exp"] - 9000), SECRET)


def askers(c):
    """-> [(name, token, what they may; None: nobody)]"""
    for name, role, tenant in (("r", "read", "default"), ("a", "analyst", "default"), ("e", "admin", "other"), ("gone", "admin", "default")):
        c.add_user(name, role, tenant)
    off, revoked = c.login("gone"), c.add_key("revoked", role="admin")
    found = next(u for u in c.must(200, "GET", "/api/users")["users"] if u["name"] == "gone")
    c.must(200, "PATCH", f"/api/users/{found['id']}", {"disabled": True})
    c.must(204, "DELETE", f"/api/keys/{revoked['id']}")
    yield from (("no token", None, None), ("garbage", "garbage", None), ("empty", "", None), ("a dead key", revoked["secret"], None),
                ("a disabled user", off["access_token"], None), ("an expired token", expired(c.token), None))
    for name, role in ("r", "read"), ("a", "analyst"), ("e", "admin elsewhere"), ("admin", "admin"):
        yield name, c.login(name)["access_token"], ROLES[role]
    yield "a scoped key", c.add_key("scoped", scopes=["events:write"])["secret"], {"events:write"}
    yield "a service token", c.add_key("service", role="analyst", service=True)["secret"], ROLES["analyst"]


def ask(c, url, route, token):
    body = (b"" if route.media == "*/*" else {}) if route.body is not None or route.media else None
    if route.name == "live_stream":
        return open_socket(url, route.path, {"Authorization": f"Bearer {token}"} if token is not None else {})
    headers = {"Authorization": "Bearer "} if token == "" else {}
    return c.ask(route.method, route.at(), body, token=token or None, headers=headers)


def roles(url):
    c = world(url)
    document = read_document(c)
    for name, token, may in list(askers(c)):
        for route in document.routes:
            if not route.permission or may is not None and route.name == "auth_logout":
                continue
            a = ask(c, url, route, token)
            want = 401 if may is None else 403 if route.permission not in may else None
            if want and a.status != want or not want and a.status in (401, 403):
                raise Wrong(f"{route} by {name}: {a}, not {want or 'let in'}")
    elsewhere(c)
    keep(c)


def elsewhere(c):
    """What another tenant has is not there."""
    other = Kept(c.url.geturl(), c.login("e")["access_token"])
    alerts = c.must(200, "POST", "/api/threat/detect-realtime", {"event": {"what": "hit"}})["alerts"]
    user = next(u for u in c.must(200, "GET", "/api/users")["users"] if u["name"] == "r")
    key, session = c.add_key("theirs"), parts(c.login("r")["access_token"])[1]["sid"]
    c.must(200, "POST", "/api/threat/intelligence", {"indicators": [{"value": "theirs.example"}]})
    if not alerts:
        raise Wrong("no alert was raised")
    # First the lists: what is tried afterwards is in one's own audit log.
    for path in ("/api/alerts", "/api/alerts?format=json", "/api/alerts?format=csv", "/api/users", "/api/keys", "/api/auth/sessions", "/api/audit",
                 "/api/usage", "/api/threat/intelligence"):
        text = other.ask("GET", path).body.decode()
        for theirs in (alerts[0], user["id"], key["id"], session, "theirs.example", "admin\""):
            if theirs in text and not (theirs == "admin\"" and path in ("/api/users", "/api/keys")):
                raise Wrong(f"{path} of another tenant has '{theirs}': {text[:500]}")
    for method, path, body in (("GET", f"/api/alerts/{alerts[0]}", None), ("POST", f"/api/alerts/{alerts[0]}/acknowledge", {}),
                               ("POST", f"/api/alerts/{alerts[0]}/close", {"verdict": "true_positive"}), ("POST", f"/api/alerts/{alerts[0]}/reopen", {}),
                               ("GET", f"/api/users/{user['id']}", None), ("PATCH", f"/api/users/{user['id']}", {"role": "admin"}),
                               ("DELETE", f"/api/users/{user['id']}", None), ("DELETE", f"/api/keys/{key['id']}", None),
                               ("DELETE", f"/api/auth/sessions/{session}", None), ("DELETE", "/api/threat/intelligence?value=theirs.example", None)):
        other.must(404, method, path, body)
    if other.must(200, "GET", "/api/threat/query-intelligence?value=theirs.example")["results"][0]["listed"]:
        raise Wrong("the indicator of another tenant is known")


# ---- tokens that are none ----

def refused(c, forged):
    for why, token in forged:
        for path in "/api/auth/me", "/api/users":
            a = c.ask("GET", path, token=token)
            if a.status != 401:
                raise Wrong(f"{why}: {a}")
        c.secrets.append(token)
    c.must(200, "GET", "/api/auth/me")


def common(c, tokens):
    """Of any algorithm: what was good once, what is of another kind, what was touched."""
    token = tokens["access_token"]
    header, payload, rest = token.split(".", 2)
    claims = parts(token)[1]
    for alg in "none", "None", "NONE", "nOnE", "HS256", "RS256", "ES256", "PS512", "HS512", "dir", "":
        head = b64(json.dumps(dict(parts(token)[0], alg=alg)).encode())
        yield f"alg {alg} unsigned", f"{head}.{payload}."
        yield f"alg {alg} with the signature", f"{head}.{payload}.{rest}"
    for kid in "../../../../dev/null", "x' UNION SELECT 'a", "/etc/passwd", "http://127.0.0.1:1/jwks", "", "\0", "a" * 5000:
        yield f"kid {kid[:30]!r}", b64(json.dumps(dict(parts(token)[0], kid=kid)).encode()) + f".{payload}.{rest}"
    for more in {"jwk": {"kty": "oct", "k": "AA"}}, {"jku": "http://127.0.0.1:1/"}, {"x5u": "http://127.0.0.1:1/"}, {"crit": ["exp"]}, {"b64": False}, {"zip": "DEF"}:
        yield f"header {more}", b64(json.dumps(dict(parts(token)[0], **more)).encode()) + f".{payload}.{rest}"
    for change in {"sub": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, {"role": "admin"}, {"exp": claims["exp"] + 1}, {"iss": "x"}:
        yield f"payload {change}", f"{header}." + b64(json.dumps(dict(claims, **change)).encode()) + f".{rest}"
    yield from (("a refresh token", tokens["refresh_token"]), ("cut", token[:-1]), ("longer", token + "A"), ("padded", token + "="), ("two dots", ".."),
                ("no signature", f"{header}.{payload}."), ("no payload", f"{header}..{rest}"), ("spaced", token.replace(".", " .", 1)), ("twice", f"{token} {token}"))


def ended(c):
    """Good a moment ago."""
    user, out = c.add_user("x-ended", "read"), c.login("x-ended")
    c.must(200, "GET", "/api/auth/me", token=out["access_token"])
    c.must(204, "POST", "/api/auth/logout", token=out["access_token"])
    before, other = c.login("x-ended"), c.login("x-ended")
    c.must(204, "POST", "/api/auth/password", {"old_password": PASSWORD, "new_password": "a second long one"}, token=other["access_token"])
    after = c.login("x-ended", "a second long one")
    c.must(200, "GET", "/api/auth/me", token=after["access_token"])
    c.must(200, "PATCH", f"/api/users/{user['id']}", {"disabled": True})
    yield from (("logged out", out["access_token"]), ("before a new password", before["access_token"]), ("disabled", after["access_token"]))
    for why, tokens in ("logged out", out), ("before a new password", before), ("disabled", after):
        if c.ask("POST", "/api/auth/refresh", {"refresh_token": tokens["refresh_token"]}, token=None).status != 401:
            raise Wrong(f"refreshed: {why}")


def refresh(c, tokens):
    """An access token refreshes nothing; a refresh token does once, and twice ends the session."""
    again = lambda t: c.ask("POST", "/api/auth/refresh", {"refresh_token": t}, token=None)
    if again(tokens["access_token"][:4096]).status != 401:
        raise Wrong("an access token refreshed")
    first = again(tokens["refresh_token"])
    if first.status != 200 or again(tokens["refresh_token"]).status != 401:
        raise Wrong(f"a refresh token, twice: {first}")
    if again(first.json()["refresh_token"]).status != 401 or c.ask("GET", "/api/auth/me", token=first.json()["access_token"]).status != 401:
        raise Wrong("a stolen refresh token leaves the session alive")


def forged_hs256(url):
    c = world(url)
    tokens = c.login("admin")
    header, claims = parts(tokens["access_token"])
    now = int(time.time())
    c.must(200, "GET", "/api/auth/me", token=sign_hs256(header, claims, SECRET))  # or what follows proves nothing
    wrong = [("aud", "x"), ("aud", []), ("aud", None), ("iss", "x"), ("iss", None), ("exp", now - 3600), ("exp", "x"), ("exp", None), ("nbf", now + 3600),
             ("iat", now + 3600), ("iat", None), ("sub", "nobody"), ("sub", None), ("sid", "01ARZ3NDEKTSV4RRFFQ69G5FAV"), ("sid", None)]
    forged = [(f"{name} {v}", sign_hs256(header, {k: x for k, x in dict(claims, **{name: v}).items() if x is not None}, SECRET)) for name, v in wrong]
    forged += [(f"typ {t}", sign_hs256(dict(header, typ=t), claims, SECRET)) for t in ("JWT", "rt+jwt", "")]
    twice = json.dumps(claims).encode()[:-1] + b', "sub": "x"}'
    forged += [("a member twice", sign_hs256(header, twice, SECRET)), ("another secret", sign_hs256(header, claims, b"x" * 32)),
               ("an empty secret", sign_hs256(header, claims, b"")), ("no object", sign_hs256(header, b"[]", SECRET))]
    refused(c, forged + list(common(c, tokens)) + list(ended(c)))
    refresh(c, tokens)
    if c.must(200, "GET", "/.well-known/jwks.json", token=None)["keys"]:
        raise Wrong("a secret among the public keys")
    c.secrets.append(SECRET.decode())
    keep(c)


def confused(c, token, keys):
    """Signed with what everybody knows, as if it were a secret."""
    header, claims = parts(token)
    for key in keys:
        public = key.get("x") or key["pub"]
        for secret in public.encode(), unb64(public), json.dumps(key).encode():
            for head in {"alg": "HS256", "kid": key["kid"], "typ": "at+jwt"}, dict(header, alg="HS256"):
                yield "HS256 with a public key", sign_hs256(head, claims, secret)


def halved(c, token, other):
    (a, b), (x, y) = token.split("~"), other.split("~")
    head_b, _, sign_b = b.split(".")
    head_a, pay_a, sign_a = a.split(".")
    payload = b64(json.dumps(dict(parts(token)[1], sub="x")).encode())
    yield from (("the first half", a), ("the second half", b), ("the second half, made whole", f"{head_b}.{pay_a}.{sign_b}"), ("swapped", f"{b}~{a}"),
                ("swapped and whole", f"{head_b}.{pay_a}.{sign_b}~{head_a}..{sign_a}"), ("the first twice", f"{a}~{head_a}..{sign_a}"),
                ("halves of two tokens", f"{a}~{y}"), ("halves of two tokens, the other way", f"{x}~{b}"), ("an empty half", f"{a}~"), ("three", f"{token}~{b}"),
                ("no second signature", f"{a}~{head_b}.."), ("no first signature", f"{head_a}.{pay_a}.~{b}"), ("two payloads", f"{a}~{head_b}.{payload}.{sign_b}"),
                ("another payload", f"{head_a}.{payload}.{sign_a}~{b}"), ("without crit", b64(json.dumps({k: v for k, v in parts(token)[0].items() if k != "crit"}).encode())
                                                                  + f".{pay_a}.{sign_a}~{b}"))
    for at in 0, len(token) // 2, len(token) - 3:
        yield "one letter", token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:]


def forged_hybrid(url):
    c = world(url)
    tokens, other = c.login("admin"), c.login("admin")
    keys = c.must(200, "GET", "/.well-known/jwks.json", token=None)["keys"]
    if len(keys) < 2 or any("d" in k or "priv" in k for k in keys):
        raise Wrong("the public keys are not")
    token = tokens["access_token"]
    refused(c, list(confused(c, token, keys)) + list(halved(c, token, other["access_token"])) + list(common(c, tokens)) + list(ended(c)))
    c.must(200, "GET", "/api/auth/me", token=token)
    refresh(c, tokens)
    keep(c)


run(roles, forged_hs256, forged_hybrid)
