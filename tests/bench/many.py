"""What many subjects in one stream, and many consumers on one server, take in memory and time.

    python tests/bench/many.py subjects SERVER [COUNT] [memory|file]
    python tests/bench/many.py consumers SERVER [COUNT]

SERVER is the program to measure: run it once for each. Needs nothing but Python.
"""

import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recovery import Client, Running

CHUNK = 5000
DELIVERED = 20_000


def growth(running, before):
    return f"{(running.resident() - before) / 1024:.0f} MB"


def processor(running):
    """Seconds of processor time the server has used."""
    with open(f"/proc/{running.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def subjects(server, count=1_000_000, storage="memory"):
    with tempfile.TemporaryDirectory() as directory:
        running = Running(server, directory, "sync_interval: 2m")
        client = Client(running.port)
        config = {"name": "MANY", "subjects": ["many.>"], "storage": storage, "max_msgs_per_subject": 1}
        made = client.ask("$JS.API.STREAM.CREATE.MANY", json.dumps(config).encode())
        assert "error" not in made, made
        before, began = running.resident(), time.monotonic()
        for first in range(0, count, CHUNK):
            lines = [
                b"PUB many.%03d.device-%08d.state%s 1\r\nx\r\n" % (number % 997, number, b" inbox.1" * (number == first))
                for number in range(first, min(first + CHUNK, count))
            ]
            client.socket.sendall(b"".join(lines))
            client.answer()
        while (state := client.ask("$JS.API.STREAM.INFO.MANY")["state"])["messages"] < count:
            time.sleep(0.1)
        seconds = time.monotonic() - began
        assert state["num_subjects"] == count, state
        full = growth(running, before)
        # Long enough for what is not used to be given back.
        time.sleep(35)
        print(f"{count} subjects, {storage}: {seconds:.1f} s, {full}, later {growth(running, before)}")
        running.stop()


def consumers(server, count=50_000):
    with tempfile.TemporaryDirectory() as directory:
        running = Running(server, directory, "sync_interval: 2m")
        client = Client(running.port)
        for stream in range(50):
            config = {"name": f"S{stream}", "subjects": [f"s{stream}.>"], "storage": "file"}
            client.ask(f"$JS.API.STREAM.CREATE.S{stream}", json.dumps(config).encode())
        before, began = running.resident(), time.monotonic()
        for first in range(0, count, 500):
            lines = []
            for number in range(first, min(first + 500, count)):
                stream = number % 50
                config = {"durable_name": f"C{number}", "ack_policy": "explicit", "filter_subject": f"s{stream}.{number}"}
                body = json.dumps({"stream_name": f"S{stream}", "config": config}).encode()
                subject = b"$JS.API.CONSUMER.DURABLE.CREATE.S%d.C%d" % (stream, number)
                lines.append(b"PUB %s inbox.1 %d\r\n%s\r\n" % (subject, len(body), body))
            client.socket.sendall(b"".join(lines))
            for _ in lines:
                answer = client.answer()
                assert "error" not in answer, answer
        print(f"{count} consumers: {time.monotonic() - began:.1f} s, {growth(running, before)}")
        time.sleep(2)
        used, began = processor(running), time.monotonic()
        time.sleep(10)
        print(f"at rest: {100 * (processor(running) - used) / (time.monotonic() - began):.2f} % of a processor")
        deliver(running, client, min(count, DELIVERED))
        print(f"after that: {growth(running, before)}")
        running.stop()


def deliver(running, client, count):
    """A message for each of as many consumers, fetched and acknowledged."""
    used, began = processor(running), time.monotonic()
    for first in range(0, count, 500):
        numbers = range(first, min(first + 500, count))
        client.socket.sendall(b"".join(b"PUB s%d.%d inbox.1 1\r\nx\r\n" % (n % 50, n) for n in numbers))
        for _ in numbers:
            client.answer()
        next_of = b"PUB $JS.API.CONSUMER.MSG.NEXT.S%d.C%d inbox.1 1\r\n1\r\n"
        client.socket.sendall(b"".join(next_of % (n % 50, n) for n in numbers))
        acknowledgements = [b"PUB %s inbox.1 4\r\n+ACK\r\n" % client.message()[0] for _ in numbers]
        client.socket.sendall(b"".join(acknowledgements))
        for _ in numbers:
            client.message()
    seconds = time.monotonic() - began
    print(f"{count} delivered: {count / seconds:.0f} a second, {1e6 * (processor(running) - used) / count:.0f} us each")


def main():
    match sys.argv[1:]:
        case ["subjects", server, *rest]:
            subjects(server, *[int(word) if word.isdigit() else word for word in rest])
        case ["consumers", server, *rest]:
            consumers(server, *map(int, rest))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
