"""An OpenID Connect provider for tests: strict about everything that the standard asks of a client, and
able to misbehave in the ways that a client must not fall for (`wrong`)."""
import base64
import hashlib
import hmac
import html
import http.server
import json
import secrets
import ssl
import threading
import time
import urllib.parse

from jwcrypto import jwk, jws

CALLBACK = "/login/oidc/callback"
ADA = {"sub": "248289761001", "preferred_username": "ada", "email": "ada@example.org", "email_verified": True,
       "groups": ["builders", "all"]}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", kind="application/json", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_GET(self):
        path, _, query = self.path.partition("?")
        self.server.provider.get(self, path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True)))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.provider.post(self, self.path, dict(urllib.parse.parse_qsl(body, keep_blank_values=True)))


class Provider:
    """Serves on a free loopback port until stop(). `person`: the claims of whoever is signed in there."""

    def __init__(self, certificate=None, algorithm="RS256", host="127.0.0.1"):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.provider = self
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.issuer = f"{scheme}://{host}:{self.server.server_port}"
        self.client_id, self.secret = "shithub client", secrets.token_urlsafe(24) + "+/%"
        self.redirect_uris = set()
        self.algorithm, self.person = algorithm, dict(ADA)
        self.wrong = set()
        self.codes, self.access = {}, {}
        self.asked = []  # paths
        self.refused = []  # why, for each request that was not as it must be
        self.consent = False  # a page with a button instead of an answer at once
        self.claims_apart = False  # claims come from the userinfo endpoint alone
        self.rotate()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def rotate(self):
        kind = {"kty": "RSA", "size": 2048} if self.algorithm == "RS256" else {"kty": "EC", "crv": "P-256"}
        if "short_key" in self.wrong:
            kind["size"] = 1024
        self.key = jwk.JWK.generate(**kind, kid=secrets.token_hex(8), use="sig")

    # ---- what is asked ----

    def get(self, request, path, query):
        self.asked.append(path)
        pages = {"/.well-known/openid-configuration": self.discovery, "/keys": self.keys,
                 "/authorize": self.authorize, "/userinfo": self.userinfo, "/link": self.link}
        if path not in pages:
            request.answer(204 if path == "/favicon.ico" else 404)
        elif "slow " + path in self.wrong:
            threading.Event().wait(60)
        elif "redirect " + path in self.wrong:
            request.answer(302, Location=self.issuer + "/elsewhere")
        elif "huge " + path in self.wrong:
            request.answer(200, b'{"issuer":"' + b"x" * (1 << 20) + b'"}')
        elif "broken " + path in self.wrong:
            request.answer(200, b'{"issuer":')
        else:
            pages[path](request, query)

    def post(self, request, path, form):
        self.asked.append(path)
        if path != "/token":
            request.answer(404)
        elif "redirect /token" in self.wrong:
            request.answer(307, Location=self.issuer + "/elsewhere")
        elif "slow /token" in self.wrong:
            threading.Event().wait(60)
        elif "broken /token" in self.wrong:
            request.answer(500, b"<html>")
        else:
            self.token(request, form)

    def discovery(self, request, _):
        document = {"issuer": self.issuer, "authorization_endpoint": self.issuer + "/authorize",
                    "token_endpoint": self.issuer + "/token", "jwks_uri": self.issuer + "/keys",
                    "userinfo_endpoint": self.issuer + "/userinfo", "response_types_supported": ["code"],
                    "id_token_signing_alg_values_supported": [self.algorithm],
                    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                    "code_challenge_methods_supported": ["S256"],
                    "authorization_response_iss_parameter_supported": True}
        if "form secret" in self.wrong:
            document["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        if "discovery issuer" in self.wrong:
            document["issuer"] = "https://other.example"
        if "plain endpoint" in self.wrong:
            document["token_endpoint"] = "http://other.example/token"
        request.answer(200, document)

    def keys(self, request, _):
        request.answer(200, {"keys": [{"kty": "oct", "kid": "x", "k": "AAAA"}, self.key.export_public(as_dict=True)]})

    def no(self, request, why, error="invalid_request", status=400):
        self.refused.append(why)
        request.answer(status, {"error": error, "error_description": "SECRET description"})

    # ---- the browser ----

    @staticmethod
    def link(request, query):
        request.answer(200, f"<title>Link</title><a href='{html.escape(query['to'])}'>A link</a>".encode(), "text/html")

    def authorize(self, request, query):
        redirect = query.get("redirect_uri")
        if query.get("client_id") != self.client_id or redirect not in self.redirect_uris:
            self.no(request, f"client or redirect_uri: {query}")
        elif query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            self.no(request, f"response_type or scope: {query}")
        elif query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
            self.no(request, f"PKCE: {query}")
        elif min(len(query.get("state", "")), len(query.get("nonce", ""))) < 32:
            self.no(request, f"state or nonce: {query}")
        elif self.consent and "yes" not in query:
            again = html.escape(f"/authorize?{urllib.parse.urlencode(query)}&yes=1")
            request.answer(200, f"<title>Provider</title><h1>The provider</h1><a href='{again}'>Allow</a>".encode(),
                           "text/html")
        else:
            request.answer(302, Location=f"{redirect}?{urllib.parse.urlencode(self.authorized(query))}")

    def authorized(self, query):
        back = {"state": query["state"], "iss": self.issuer}
        for word in self.wrong:
            if word.startswith("error "):
                return {**back, "error": word[6:], "error_description": "SECRET description"}
        back["code"] = secrets.token_urlsafe(32)
        self.codes[back["code"]] = {**query, "person": dict(self.person)}
        if "no iss" in self.wrong:
            del back["iss"]
        if "other iss" in self.wrong:
            back["iss"] = "https://other.example"
        return back

    # ---- the coordinator ----

    def authenticated(self, request, form):
        header = request.headers["Authorization"] or ""
        if "form secret" in self.wrong:
            return not header and form.get("client_id") == self.client_id and form.get("client_secret") == self.secret
        if not header.startswith("Basic ") or "client_secret" in form:
            return False
        name, _, secret = base64.b64decode(header[6:]).decode().partition(":")
        return (urllib.parse.unquote_plus(name) == self.client_id
                and urllib.parse.unquote_plus(secret) == self.secret)

    def token(self, request, form):
        if not self.authenticated(request, form):
            self.no(request, "client authentication", "invalid_client", 401)
            return
        for word in self.wrong:
            if word.startswith("token error "):
                self.no(request, word, word[12:])
                return
        asked = self.codes.get(form.get("code")) if "codes live" in self.wrong else self.codes.pop(form.get("code"), None)
        challenge = base64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not asked or form.get("grant_type") != "authorization_code":
            self.no(request, "code or grant_type", "invalid_grant")
        elif form.get("redirect_uri") != asked["redirect_uri"] or challenge != asked["code_challenge"]:
            self.no(request, "redirect_uri or PKCE", "invalid_grant")
        else:
            access = secrets.token_urlsafe(16)
            self.access[access] = asked["person"]
            request.answer(200, {"access_token": access, "token_type": "Bearer", "expires_in": 60,
                                 "id_token": self.id_token(asked)})

    def userinfo(self, request, _):
        person = self.access.pop((request.headers["Authorization"] or "").removeprefix("Bearer "), None)
        if not person:
            self.no(request, "access token", "invalid_token", 401)
        else:
            request.answer(200, {**person, **({"sub": "another"} if "userinfo sub" in self.wrong else {})})

    def claims(self, asked):
        now = int(time.time())
        person = {"sub": asked["person"]["sub"]} if self.claims_apart else asked["person"]
        claims = {"iss": self.issuer, "aud": self.client_id, "iat": now, "exp": now + 300,
                  "nonce": asked["nonce"], **person}
        changes = {"nonce": {"nonce": "x" * 43}, "aud": {"aud": "another client"},
                   "azp": {"aud": [self.client_id, "other"], "azp": "other"},
                   "no azp": {"aud": [self.client_id, "other"]}, "iss": {"iss": "https://other.example"},
                   "expired": {"iat": now - 600, "exp": now - 120}, "future": {"iat": now + 600, "exp": now + 900},
                   "no exp": {"exp": None}, "huge token": {"filler": "x" * 100000}, "no sub": {"sub": None}}
        for word in self.wrong & changes.keys():
            claims.update(changes[word])
        return {name: value for name, value in claims.items() if value is not None}

    def id_token(self, asked):
        claims, header = json.dumps(self.claims(asked)), {"alg": self.algorithm, "kid": self.key.get("kid")}
        if "alg none" in self.wrong:
            return self.unsigned({"alg": "none"}, claims) + "."
        if "hs256" in self.wrong:  # with the public key as the secret
            text = self.unsigned({"alg": "HS256", "kid": self.key.get("kid")}, claims)
            return text + "." + base64url(hmac.new(self.key.export_to_pem(), text.encode(), hashlib.sha256).digest())
        key = self.key
        if "unknown key" in self.wrong:
            key = jwk.JWK.generate(kty="RSA", size=2048)
            header["kid"] = "unknown"
        elif "other key" in self.wrong:
            key = jwk.JWK.generate(kty="RSA", size=2048)
        elif "own key" in self.wrong:
            key = jwk.JWK.generate(kty="RSA", size=2048)
            header["jwk"] = key.export_public(as_dict=True)
        elif "rs512" in self.wrong:
            header["alg"] = "RS512"
        elif "crit" in self.wrong:
            header["crit"] = ["exp"]
        made = jws.JWSCore(header["alg"], key, json.dumps(header), claims.encode()).sign()
        text = ".".join((base64url(json.dumps(header).encode()), base64url(claims.encode()), made["signature"]))
        if "signature" in self.wrong:
            first, second, _ = text.split(".")
            return f"{first}.{second}.{base64url(bytes(256))}"
        return text

    @staticmethod
    def unsigned(header, claims):
        return base64url(json.dumps(header).encode()) + "." + base64url(claims.encode())
