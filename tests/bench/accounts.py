"""Many accounts by token: memory per idle account, and logins per second.

    python tests/bench/accounts.py SERVER [ACCOUNTS] [LOGINS]

SERVER is the program to measure: run it once for each. Needs the packages `nkeys` and nothing else.
"""

import base64
import json
import os
import subprocess
import socket
import sys
import tempfile
import time

import nkeys

LIMITS = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}


def pair(prefix):
    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), prefix))


def public(key):
    return key.public_key.decode()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(issuer, subject, name, nats):
    claims = {"jti": "x", "iat": int(time.time()) - 60, "iss": public(issuer), "name": name, "sub": subject, "nats": nats}
    text = b64(b'{"typ":"JWT","alg":"ed25519-nkey"}') + "." + b64(json.dumps(claims).encode())
    return text + "." + b64(issuer.sign(text.encode()))


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Running:
    """A server with `count` accounts in a full resolver, besides the system account."""

    def __init__(self, server, directory, operator, system, accounts):
        store = os.path.join(directory, "jwt")
        os.makedirs(store)
        body = {"limits": LIMITS, "default_permissions": {"pub": {}, "sub": {}}, "type": "account", "version": 2}
        for number, account in enumerate([system, *accounts]):
            path = os.path.join(store, public(account) + ".jwt")
            with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
                out.write(token(operator, public(account), f"A{number}", body))
        own = {"system_account": public(system), "type": "operator", "version": 2}
        config = os.path.join(directory, "server.conf")
        with open(config, "w") as out:
            out.write(f"operator: {token(operator, public(operator), 'O', own)}\n")
            out.write(f'resolver {{ type: full, dir: "{store}" }}\nports_file_dir: "{directory}"\n')
        self.process = subprocess.Popen(
            [server, "-c", config, "-a", "127.0.0.1", "-p", "-1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.time() + 120
        while not (found := [name for name in os.listdir(directory) if name.endswith(".ports")]):
            assert self.process.poll() is None and time.time() < deadline, "the server does not start"
            time.sleep(0.05)
        time.sleep(0.5)
        with open(os.path.join(directory, found[0])) as ports:
            self.port = int(json.load(ports)["nats"][0].rsplit(":", 1)[1])

    def login(self, jwt, user):
        connection = socket.create_connection(("127.0.0.1", self.port))
        info = json.loads(connection.makefile("rb").readline()[5:])
        options = {"verbose": False, "jwt": jwt, "sig": b64(user.sign(info["nonce"].encode()))}
        connection.sendall(f"CONNECT {json.dumps(options)}\r\nPING\r\n".encode())
        assert connection.recv(64).startswith(b"PONG"), "the login is refused"
        connection.close()


def measure(server, count, logins):
    operator, system = pair(nkeys.PREFIX_BYTE_OPERATOR), pair(nkeys.PREFIX_BYTE_ACCOUNT)
    accounts = [pair(nkeys.PREFIX_BYTE_ACCOUNT) for _ in range(count)]
    sizes = []
    for some in ([], accounts):
        with tempfile.TemporaryDirectory() as directory:
            running = Running(server, directory, operator, system, some)
            try:
                user = pair(nkeys.PREFIX_BYTE_USER)
                rights = {"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2}
                tokens = [token(account, public(user), "u", rights) for account in some]
                # A server that reads accounts when they are needed has read them now.
                for jwt in tokens:
                    running.login(jwt, user)
                sizes.append(resident(running.process.pid))
                if some:
                    start = time.time()
                    for number in range(logins):
                        running.login(tokens[number % count], user)
                    print(f"logins per second: {logins / (time.time() - start):.0f} (one at a time, signing included)")
            finally:
                running.process.terminate()
                running.process.wait()
    print(f"memory per idle account: {(sizes[1] - sizes[0]) * 1024 / count:.0f} bytes")


if __name__ == "__main__":
    _, server, *numbers = sys.argv
    count, logins = [int(number) for number in numbers] + [10_000, 5_000][len(numbers) :]
    measure(server, count, logins)
