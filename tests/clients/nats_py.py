"""Stories of the Python client: `nats_py.py STORY URL [ARGUMENT...]`. Exits with 0 when the story holds."""

import asyncio
import ssl
import sys

import nats
from nats.errors import NoRespondersError

PATIENCE = 10


async def messages(url):
    client = await nats.connect(url)
    subscription = await client.subscribe("py.*")
    everything = await client.subscribe(">")
    for number in range(200):
        await client.publish("py.x", str(number).encode())
    await client.publish("py.x", b"with headers", headers={"Key": "value"})
    await client.publish("py.x", b"z" * 500_000)
    for number in range(200):
        assert (await subscription.next_msg(PATIENCE)).data == str(number).encode()
    message = await subscription.next_msg(PATIENCE)
    assert message.headers == {"Key": "value"}, message.headers
    assert len((await subscription.next_msg(PATIENCE)).data) == 500_000
    assert (await everything.next_msg(PATIENCE)).subject == "py.x"
    await subscription.unsubscribe()
    await client.close()


async def requests(url):
    client = await nats.connect(url)

    async def double(message):
        await message.respond(str(int(message.data) * 2).encode())

    await client.subscribe("double", "workers", cb=double)
    answers = await asyncio.gather(
        *(client.request("double", str(number).encode(), timeout=PATIENCE) for number in range(50))
    )
    assert [int(answer.data) for answer in answers] == [number * 2 for number in range(50)]
    await settle(client)
    await client.close()


async def drain(url):
    publisher = await nats.connect(url)
    leaving = await nats.connect(url)
    heard = []

    async def hear(message):
        heard.append(message.data)

    await leaving.subscribe("drain", cb=hear)
    await settle(leaving)
    for number in range(300):
        await publisher.publish("drain", str(number).encode())
    while len(heard) < 300:
        await asyncio.sleep(0.01)
    await leaving.drain()
    await publisher.publish("drain", b"too late")
    await settle(publisher)
    assert heard == [str(number).encode() for number in range(300)], len(heard)
    assert leaving.is_closed
    await publisher.close()


async def password(url, user, secret):
    await echo(await nats.connect(url, user=user, password=secret))
    await refused(url, user=user, password=secret + "x")


async def nkey(url, seed):
    await echo(await nats.connect(url, nkeys_seed_str=seed))
    await refused(url)


async def tls(url, authority):
    context = ssl.create_default_context(cafile=authority)
    await echo(await nats.connect(url.replace("nats://", "tls://"), tls=context, tls_hostname="localhost"))


async def settle(client):
    """Returns when the server has handled what the client sent before: the client's PING of `flush` may overtake a SUB."""
    try:
        await client.request("nobody.hears.this", b"", timeout=PATIENCE)
    except NoRespondersError:
        return
    raise AssertionError("somebody answered")


async def echo(client):
    subscription = await client.subscribe("echo")
    await client.publish("echo", b"hello")
    assert (await subscription.next_msg(PATIENCE)).data == b"hello"
    await client.close()


async def refused(url, **options):
    async def quiet(_error):
        pass

    try:
        await nats.connect(url, allow_reconnect=False, max_reconnect_attempts=1, error_cb=quiet, **options)
    except nats.errors.Error as error:
        assert "authorization" in str(error).lower(), error
        return
    raise AssertionError("the server let the client in")


STORIES = {story.__name__: story for story in (messages, requests, drain, password, nkey, tls)}

asyncio.run(asyncio.wait_for(STORIES[sys.argv[1]](*sys.argv[2:]), 3 * PATIENCE))
