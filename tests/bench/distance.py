"""A coordinator that is far away: a TCP relay of our own that delays what passes, and counts requests."""
import asyncio
import collections
import re
import threading

BLOCK = 256 << 10
REQUEST = re.compile(rb"(?:^|\r\n|\})(?:GET|POST|PUT|DELETE|HEAD) (\S+) HTTP/1\.1\r\n")


class Distance:
    """Listens on `port` and relays to `target`, which is set before the first connection. Bytes arrive half of
    round_trip seconds after they were sent, in each direction, however many they are; a connection costs
    a round trip more, as its handshake would."""

    def __init__(self, round_trip):
        self.round_trip, self.target = round_trip, None
        self.requests = collections.Counter()  # by path; of whoever sends a request's head in one piece
        self.connections = 0
        self.loop, self.tasks = asyncio.new_event_loop(), set()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.relay, "127.0.0.1", 0, limit=BLOCK))
        self.port = self.server.sockets[0].getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def end(self):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def relay(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        self.connections += 1
        there, back = await asyncio.open_connection(*self.target, limit=BLOCK)
        try:
            await asyncio.gather(self.carry(reader, back, self.round_trip, self.count),
                                 self.carry(there, writer, 0, lambda data: None))
        except (OSError, asyncio.CancelledError):
            pass  # one of both has gone, or all is over
        finally:
            back.close()
            writer.close()
            self.tasks.discard(asyncio.current_task())

    def count(self, data):
        self.requests.update(path.decode() for path in REQUEST.findall(data))

    async def carry(self, source, sink, handshake, seen):
        """Reads without waiting for what is under way, so that only time passes and no bandwidth is lost."""
        way = asyncio.Queue()

        async def send():
            while True:
                due, data = await way.get()
                await asyncio.sleep(max(0, due - self.loop.time()))
                if not data:
                    break
                sink.write(data)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()
        sender = asyncio.ensure_future(send())
        try:
            while True:
                data = await source.read(BLOCK)
                seen(data)
                way.put_nowait((self.loop.time() + self.round_trip / 2 + handshake, data))
                handshake = 0
                if not data:
                    return await sender
        finally:
            sender.cancel()
