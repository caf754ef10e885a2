"""Logins with tokens made by the `nkeys` package: `tokens.py HOST PORT ACCOUNT_SEED`. Prints what becomes of each."""

import base64
import json
import os
import socket
import sys
import time

import nkeys


def pair(prefix):
    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), prefix))


def public(key):
    return key.public_key.decode()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}


def signed(issuer, claims, header=HEADER):
    """A token of these claims, which may be their text."""
    text = claims if isinstance(claims, str) else json.dumps(claims)
    unsigned = b64(json.dumps(header).encode()) + "." + b64(text.encode())
    return unsigned + "." + b64(issuer.sign(unsigned.encode()))


def claims(issuer, user, **extra):
    nats = {"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2}
    now = int(time.time())
    return {"jti": "x", "iat": now - 60, "iss": issuer, "name": "py", "sub": user, "nats": nats, **extra}


class Login:
    def __init__(self, host, port):
        self.connection = socket.create_connection((host, int(port)), timeout=10)
        self.lines = self.connection.makefile("rb")
        self.nonce = json.loads(self.lines.readline()[5:])["nonce"].encode()

    def outcome(self, token, signature):
        options = {"verbose": False, "jwt": token, "sig": signature}
        self.connection.sendall(f"CONNECT {json.dumps(options)}\r\nPING\r\n".encode())
        try:
            return self.lines.readline().decode().strip()
        except ConnectionError:
            return "closed"
        finally:
            self.connection.close()


def tokens(account, user):
    """Names, tokens, and whether the signature of the nonce is good."""
    own, stranger = public(account), pair(nkeys.PREFIX_BYTE_ACCOUNT)
    now = int(time.time())
    good = claims(own, public(user))
    token = signed(account, good)
    head, _, signature = token.split(".")
    richer = b64(json.dumps({**good, "name": "root"}).encode())
    deep = json.dumps(good)[:-1] + ', "x": ' + "[" * 20_000 + "]" * 20_000 + "}"
    yield "good", token
    yield "forged", f"{head}.{richer}.{signature}"
    yield "signature cut", token[:-8]
    yield "two parts", f"{head}.{richer}"
    yield "empty parts", ".."
    yield "wrong issuer", signed(stranger, claims(public(stranger), public(user)))
    yield "signed by a stranger", signed(stranger, good)
    yield "issued by the user itself", signed(user, claims(public(user), public(user)))
    yield "about no user", signed(account, claims(own, own))
    yield "expired", signed(account, claims(own, public(user), exp=now - 10))
    yield "not yet valid", signed(account, claims(own, public(user), nbf=now + 1000))
    yield "no algorithm", signed(account, good, {"typ": "JWT", "alg": "none"})
    yield "other version", signed(account, {**good, "nats": {**good["nats"], "version": 3}})
    yield "other kind", signed(account, {**good, "nats": {**good["nats"], "type": "account"}})
    yield "no JSON", signed(account, '{"iss":')
    yield "numbers for texts", signed(account, {**good, "iss": 5})
    yield "deeply nested", signed(account, deep)


def main(host, port, seed):
    account, user = nkeys.from_seed(seed.encode()), pair(nkeys.PREFIX_BYTE_USER)
    for name, token in tokens(account, user):
        login = Login(host, port)
        print(name, "|", login.outcome(token, b64(user.sign(login.nonce))))
    good = signed(account, claims(public(account), public(user)))
    first, second = Login(host, port), Login(host, port)
    seen = b64(user.sign(first.nonce))
    print("the signature of the nonce |", first.outcome(good, seen))
    print("its replay |", second.outcome(good, seen))
    padded = signed(account, claims(public(account), public(user), aud="x" * (1 << 20)))
    login = Login(host, port)
    print("oversized |", login.outcome(padded, b64(user.sign(login.nonce))))


main(*sys.argv[1:])
