"""How long a server takes to open many streams in files, after a clean stop and after a kill.

    python tests/bench/recovery.py make SERVER DIRECTORY [STREAMS] [MEGABYTES]
    python tests/bench/recovery.py open SERVER DIRECTORY

`make` fills DIRECTORY with that many streams and bytes and stops the server in order; with `--kill` it kills it, after some
more messages to each stream. `open` starts SERVER on a directory that any server made, waits until all streams answer, and
kills it; it prints the seconds and the memory. Copy the directory before, to measure more than one server on the same
files. Needs nothing but Python.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

SUBJECTS = 100
PAYLOAD = os.urandom(1024)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        self.reader = self.socket.makefile("rb")
        self.reader.readline()
        self.socket.sendall(b'CONNECT {"verbose":false,"headers":true}\r\nPING\r\nSUB inbox.> 1\r\n')
        assert self.reader.readline() == b"PONG\r\n"

    def answer(self):
        return json.loads(self.message()[1])

    def message(self):
        """Where to answer the next message, if anywhere, and its content."""
        while True:
            words = self.reader.readline().split()
            assert words, "the server closed the connection"
            if words[0] in (b"MSG", b"HMSG"):
                return words[3], self.reader.read(int(words[-1]) + 2)
            if words[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")

    def ask(self, subject, body=b""):
        self.socket.sendall(b"PUB %s inbox.1 %d\r\n%s\r\n" % (subject.encode(), len(body), body))
        return self.answer()


class Running:
    def __init__(self, server, directory, options=""):
        self.scratch = tempfile.TemporaryDirectory()
        config = os.path.join(self.scratch.name, "server.conf")
        with open(config, "w") as out:
            out.write(f'jetstream {{ store_dir: "{directory}", max_mem: 16G, max_file: 100G, {options} }}\n')
            out.write(f'ports_file_dir: "{self.scratch.name}"\n')
        self.began = time.monotonic()
        command = [server, "-c", config, "-a", "127.0.0.1", "-p", "-1"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (found := [name for name in os.listdir(self.scratch.name) if name.endswith(".ports")]):
            assert self.process.poll() is None, "the server does not start"
            time.sleep(0.01)
        while True:
            with open(os.path.join(self.scratch.name, found[0])) as ports:
                text = ports.read()
            if text.strip().endswith("}"):
                break
            time.sleep(0.01)
        self.port = int(json.loads(text)["nats"][0].rsplit(":", 1)[1])

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()


def publish(client, stream, first, count):
    lines = []
    for number in range(first, first + count):
        reply = b" inbox.2" if number == first + count - 1 else b""
        lines.append(b"PUB r.%d.%d%s %d\r\n%s\r\n" % (stream, number % SUBJECTS, reply, len(PAYLOAD), PAYLOAD))
    client.socket.sendall(b"".join(lines))
    answer = client.answer()
    assert "seq" in answer, answer


def make(server, directory, streams=2000, megabytes=3000, is_killed=False):
    running = Running(server, directory, "sync_interval: 2m")
    client = Client(running.port)
    count = max(1, megabytes * 1_000_000 // (len(PAYLOAD) + 40) // streams)
    for stream in range(streams):
        config = {"name": f"R{stream}", "subjects": [f"r.{stream}.*"]}
        made = client.ask(f"$JS.API.STREAM.CREATE.R{stream}", json.dumps(config).encode())
        assert "error" not in made, made
        for first in range(0, count, 2000):
            publish(client, stream, first, min(2000, count - first))
    if not is_killed:
        return running.stop()
    running.stop()
    running = Running(server, directory, "sync_interval: 2m")
    client = Client(running.port)
    for stream in range(streams):
        publish(client, stream, count, 10)
    running.stop(signal.SIGKILL)


def opened(server, directory):
    names = sorted(os.listdir(os.path.join(directory, "jetstream", "$G", "streams")))
    running = Running(server, directory, "sync_interval: 2m")
    client = Client(running.port)
    while client.ask("$JS.API.INFO")["streams"] < len(names):
        time.sleep(0.01)
    messages = sum(client.ask(f"$JS.API.STREAM.INFO.{name}")["state"]["messages"] for name in names)
    seconds, memory = time.monotonic() - running.began, running.resident()
    running.stop(signal.SIGKILL)
    print(f"{len(names)} streams, {messages} messages: {seconds:.2f} s, {memory / 1024:.0f} MB")


def main():
    words = [word for word in sys.argv[1:] if word != "--kill"]
    match words:
        case ["make", server, directory, *numbers]:
            make(server, directory, *map(int, numbers), is_killed="--kill" in sys.argv)
        case ["open", server, directory]:
            opened(server, directory)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
