# SPDX-License-Identifier: Apache-2.0
"""For the tests of the HTTP API: a client that takes nothing on trust, the document, and a validator for its schemas."""
import base64, datetime, hashlib, hmac, http.client, json, os, re, socket, ssl, sys, urllib.parse

PASSWORD = os.environ.get("BGUARD_ADMIN_PASSWORD", "correct-horse-battery")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Wrong(Exception):
    """An answer is not what the document says."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def media(self):
        return (self.headers.get("content-type") or "").split(";")[0].strip()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Client:
    """One connection that is kept; `token` goes with every request that has none of its own."""

    def __init__(self, url, token=None):
        self.url, self.token, self.kept = urllib.parse.urlsplit(url), token, None

    def connect(self):
        self.kept = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
        self.kept.connect()
        self.kept.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def once(self, method, path, body, headers):
        c = self.kept
        c.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            c.putheader(name, value)
        if body is not None and "Content-Length" not in headers:
            c.putheader("Content-Length", str(len(body)))
        c.endheaders()
        if body:
            try:
                c.send(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused by its head; the answer is there
        r = c.getresponse()
        answer = Answer(r.status, r.headers, r.read())
        if r.will_close:
            self.kept = None
        return answer

    def ask(self, method, path, body=None, token="", headers=None, media="application/json"):
        """`body`: bytes as they are, anything else as JSON.  token "": the client's, None: none."""
        all_headers = {}
        token = self.token if token == "" else token
        if token is not None:
            all_headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            if media is not None:
                all_headers["Content-Type"] = media
        elif method in ("POST", "PATCH", "PUT"):
            body = b""
        all_headers.update(headers or {})
        fresh = self.kept is None
        if fresh:
            self.connect()
        try:
            return self.once(method, path, body, all_headers)
        except (http.client.HTTPException, OSError):
            self.kept = None
            if fresh:
                raise
        self.connect()
        return self.once(method, path, body, all_headers)  # it was closed as idle or after a refusal

    def must(self, status, *args, **kwargs):
        a = self.ask(*args, **kwargs)
        if a.status != status:
            raise Wrong(f"{args[0]} {args[1]}: {a}, not {status}")
        return a.json() if a.body and "json" in a.media else None

    def login(self, name, password=PASSWORD):
        return self.must(200, "POST", "/api/auth/login", {"username": name, "password": password}, token=None)

    def add_user(self, name, role, tenant="default"):
        return self.must(201, "POST", "/api/users", {"name": name, "password": PASSWORD, "role": role, "tenant": tenant})

    def add_key(self, name, **more):
        return self.must(201, "POST", "/api/keys", dict(name=name, **more))


def open_socket(url, path, headers):
    """The status of what may never end: a WebSocket, a stream of events."""
    at = urllib.parse.urlsplit(url)
    with socket.create_connection((at.hostname, at.port), timeout=60) as s:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        r = http.client.HTTPResponse(s)
        r.begin()
        body = b"" if r.status in (101, 200) else r.read()
        return Answer(r.status, r.headers, body)


UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


# ---- the document ----

class Route:
    def __init__(self, document, path, method, node):
        self.document, self.path, self.method, self.node = document, path, method.upper(), node
        self.name, self.rate = node["operationId"], node["x-rate-class"]
        self.permission = node.get("x-permission")
        self.parameters = node.get("parameters", [])
        content = node.get("requestBody", {}).get("content", {})
        self.media = next(iter(content), None)
        self.body = content.get(self.media, {}).get("schema") if content else None

    def __str__(self):
        return f"{self.method} {self.path}"

    def at(self, one="01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        return re.sub(r"\{[a-z]+\}", urllib.parse.quote(one, safe=""), self.path)

    def answer(self, status):
        node = self.node["responses"].get(str(status))
        return self.document.resolve(node) if node is not None else None


class Document:
    def __init__(self, node):
        self.node = node
        self.routes = [Route(self, path, method, r) for path, methods in node["paths"].items() for method, r in methods.items()]

    def route(self, name):
        return next(r for r in self.routes if r.name == name)

    def resolve(self, node):
        while "$ref" in node:
            at = self.node
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            node = at
        return node

    def check(self, schema, value, at=""):
        """The subset of JSON Schema 2020-12 that the document uses; an unknown keyword is an error of the document."""
        schema = self.resolve(schema)
        unknown = set(schema) - {"type", "description", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
                                 "minItems", "maxItems", "items", "properties", "required", "additionalProperties", "examples",
                                 "oneOf"}
        if unknown:
            raise Wrong(f"{at}: the validator does not know {unknown}")
        if "oneOf" in schema and sum(self.fits(one, value) for one in schema["oneOf"]) != 1:
            raise Wrong(f"{at}: not one of those it may be")
        types = schema.get("type")
        if types is not None and not any(is_type(value, t) for t in ([types] if isinstance(types, str) else types)):
            raise Wrong(f"{at}: {value!r} is no {types}")
        if "enum" in schema and value not in schema["enum"] and value is not None:
            raise Wrong(f"{at}: {value!r} is none of {schema['enum']}")
        if isinstance(value, str):
            self.check_string(schema, value, at)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
                raise Wrong(f"{at}: {value} is out of range")
        elif isinstance(value, list):
            if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
                raise Wrong(f"{at}: {len(value)} elements")
            for i, one in enumerate(value):
                self.check(schema.get("items", {}), one, f"{at}/{i}")
        elif isinstance(value, dict):
            self.check_object(schema, value, at)

    def check_string(self, schema, value, at):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            raise Wrong(f"{at}: {len(value)} characters")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            raise Wrong(f"{at}: {value!r} is not like {schema['pattern']}")
        if schema.get("format") == "date-time":
            datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))

    def check_object(self, schema, value, at):
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                raise Wrong(f"{at}: no '{name}'")
        for name, one in value.items():
            if name in properties:
                self.check(properties[name], one, f"{at}/{name}")
            elif schema.get("additionalProperties") is False:
                raise Wrong(f"{at}: what is '{name}'?")

    def fits(self, schema, value):
        try:
            self.check(schema, value)
            return True
        except Wrong:
            return False

    def judge(self, route, answer):
        """Is it an answer the document knows for the route?"""
        documented = route.answer(answer.status)
        if documented is None:
            raise Wrong(f"{route}: {answer} is not documented")
        content = documented.get("content")
        if content is None:
            if answer.body:
                raise Wrong(f"{route}: {answer} has a body")
            return
        if answer.media not in content:
            raise Wrong(f"{route}: {answer.status} of {answer.media}, not {list(content)}")
        if "json" in answer.media:
            self.check(content[answer.media].get("schema", {}), answer.json(), f"{route} {answer.status} ")
        if answer.status >= 400:
            problem(answer)


def is_type(value, name):
    if name == "null":
        return value is None
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, {"string": str, "integer": int, "number": (int, float), "object": dict, "array": list,
                              "boolean": bool}[name])


def problem(a):
    """RFC 9457, and the id that finds it in the log."""
    if a.media != "application/problem+json":
        raise Wrong(f"no problem document: {a} {a.media}")
    p = a.json()
    if p["status"] != a.status or not p["request_id"] or p["request_id"] != a.headers["x-request-id"]:
        raise Wrong(f"a problem of another answer: {a}")
    return p


def read_document(client):
    return Document(client.must(200, "GET", "/openapi.json", token=None))


# ---- tokens of our own making ----

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(token):
    """-> header, claims of a token, of its first half when it has two"""
    header, payload = token.split("~")[0].split(".")[:2]
    return json.loads(unb64(header)), json.loads(unb64(payload))


def sign_hs256(header, claims, secret):
    text = b64(json.dumps(header).encode()) + "." + b64(claims if isinstance(claims, bytes) else json.dumps(claims).encode())
    return text + "." + b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def run(*cases):
    """Each is a function; the first argument of the program is the address, the second says which."""
    url, name = sys.argv[1:3]
    case = next(c for c in cases if c.__name__ == name)
    try:
        case(url)
    except Wrong as e:
        sys.exit(str(e))
