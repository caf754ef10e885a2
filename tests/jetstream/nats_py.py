"""What applications do with JetStream through nats-py: streams, publishing, key-value stores, object stores."""

import asyncio
import sys

import nats
from nats.js import errors


async def streams(js):
    info = await js.add_stream(name="S", subjects=["s.>"])
    assert info.config.name == "S", info
    for number in range(1, 11):
        ack = await js.publish("s.one", b"m%d" % number)
        assert ack.seq == number, ack
    ack = await js.publish("s.two", b"x", headers={"Nats-Msg-Id": "a"})
    again = await js.publish("s.two", b"x", headers={"Nats-Msg-Id": "a"})
    assert again.duplicate and again.seq == ack.seq
    message = await js.get_msg("S", 3)
    assert message.data == b"m3"
    last = await js.get_last_msg("S", "s.one")
    assert last.data == b"m10"
    await js.delete_msg("S", 3)
    try:
        await js.get_msg("S", 3)
        raise AssertionError("the message is gone")
    except errors.NotFoundError:
        pass
    await js.purge_stream("S", subject="s.two")
    info = await js.stream_info("S")
    assert info.state.messages == 9, info.state
    assert [name.config.name for name in await js.streams_info()] == ["S"]
    await js.delete_stream("S")


async def key_value(js):
    kv = await js.create_key_value(bucket="B", history=5)
    revision = await kv.put("name", b"one")
    entry = await kv.get("name")
    assert (entry.value, entry.revision) == (b"one", revision)
    second = await kv.update("name", b"two", last=revision)
    try:
        await kv.update("name", b"no", last=revision)
        raise AssertionError("the revision was old")
    except errors.KeyWrongLastSequenceError:
        pass
    try:
        await kv.create("name", b"no")
        raise AssertionError("the key exists")
    except errors.KeyWrongLastSequenceError:
        pass
    assert (await kv.get("name", revision=revision)).value == b"one"
    assert (await kv.get("name")).revision == second
    await kv.delete("name")
    try:
        await kv.get("name")
        raise AssertionError("the key is deleted")
    except errors.KeyNotFoundError:
        pass
    await kv.create("name", b"again")
    await kv.purge("name")
    status = await kv.status()
    assert status.bucket == "B" and status.history == 5
    await js.delete_key_value("B")


async def watching(js):
    kv = await js.create_key_value(bucket="W", history=3)
    await kv.put("a", b"1")
    await kv.put("b", b"2")
    await kv.put("a", b"3")
    assert sorted(await kv.keys()) == ["a", "b"]
    assert [entry.value for entry in await kv.history("a")] == [b"1", b"3"]
    watcher = await kv.watchall()
    seen = []
    async for entry in watcher:
        if entry is None:
            break
        seen.append((entry.key, entry.value))
    assert sorted(seen) == [("a", b"3"), ("b", b"2")], seen
    await kv.delete("b")
    entry = await watcher.updates(timeout=5)
    assert (entry.key, entry.operation) == ("b", "DEL"), entry
    await watcher.stop()


async def object_store(js):
    store = await js.create_object_store(bucket="O")
    data = bytes(range(256)) * 4096
    info = await store.put("blob", data)
    assert info.size == len(data), info
    found = await store.get("blob")
    assert found.data == data
    assert (await store.get_info("blob")).digest == info.digest
    await store.put("small", b"x")
    assert sorted(entry.name for entry in await store.list()) == ["blob", "small"]
    await store.delete("small")
    try:
        await store.get("small")
        raise AssertionError("the object is deleted")
    except errors.ObjectNotFoundError:
        pass
    await js.delete_object_store("O")


STORIES = {"streams": streams, "key_value": key_value, "watching": watching, "object_store": object_store}


async def main(story, url):
    nc = await nats.connect(url)
    await STORIES[story](nc.jetstream())
    await nc.close()


asyncio.run(main(sys.argv[1], sys.argv[2]))
