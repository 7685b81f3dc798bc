"""A proxy that breaks things on request: TCP before a coordinator, a unix socket before an engine.

Each connection carries one request. The first rule that fits (pattern of the path, method, how many
to let pass, how often) decides what becomes of it; without one it passes, byte by byte as it comes,
so held requests and attached streams work. Everything is noted in `journal`.

    drop_before   the request is read and thrown away, the connection closed
    reset_before  the same with a reset
    drop_after    the server answered, its answer is thrown away, the connection closed
    reset_after   the same with a reset
    delay         passed on after `amount` seconds
    late          the server answered; its answer goes out with release()
    belated       the server hears it with release(), also when the client has gone by then
    stall         the server answered; head and half of the body go out, then nothing more
    truncate      the same, then the connection is closed
    cut           a stream that passes is broken off by release() (engine: attach)
    status        `amount` is answered in place of the server, which hears nothing
    garbage       the server answered; a chunked body that is none goes out in place of it
    noise         the server answered; bytes that are no HTTP go out
    silent        accepted and read, never answered; the server hears nothing
    tls_plain     TLS only: bytes that are no TLS; tls_close: hung up; tls_untrusted: another
                  certificate. Chosen by connection, whatever its path.

gone() is the outage of the whole thing: no listener, open connections broken; back() ends it.
"""
import asyncio
import collections
import contextlib
import os
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse

Passed = collections.namedtuple("Passed", "when method path action key status")
TLS_FAULTS = ("tls_plain", "tls_close", "tls_untrusted")
HEAD_MOST = 1 << 16


class Rule:
    def __init__(self, pattern, action, amount=None, times=1, skip=0, method=None, status=None):
        self.pattern, self.action, self.amount = re.compile(pattern), action, amount
        self.times, self.skip, self.method, self.status = times, skip, method, status
        self.done = 0
        self.released = None  # made on the proxy's loop

    def takes(self, method, path):
        if self.times <= 0 or not self.pattern.search(path) or self.method not in (None, method):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        self.done += 1
        return True


class Request:
    def __init__(self, head, body, upstream_host):
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.method, self.path, _ = first.split(" ", 2)
        self.headers = [line.split(":", 1) for line in lines]
        self.body = body
        self.host = upstream_host

    def header(self, name):
        return next((value.strip() for key, value in self.headers if key.lower() == name), None)

    def text(self):
        """As it goes to the server: one request a connection."""
        kept = [f"{key}:{value}" for key, value in self.headers
                if key.lower() not in ("connection", "host", "expect", "transfer-encoding",
                                       "content-length")]
        kept += [f"Host: {self.host}", "Connection: close"]
        if self.body or self.method in ("POST", "PUT"):
            kept.append(f"Content-Length: {len(self.body)}")
        head = f"{self.method} {self.path} HTTP/1.1\r\n" + "\r\n".join(kept) + "\r\n\r\n"
        return head.encode("latin-1") + self.body


def reset(writer):
    """Closes with RST in place of FIN."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                   struct.pack("ii", 1, 0))
    writer.transport.abort()


def split(answer):
    """Head with its blank line, body."""
    at = answer.find(b"\r\n\r\n") + 4
    return answer[:at], answer[at:]


class Proxy:
    """Proxy("http://host:port") or Proxy("/engine.sock", "/ours.sock"); tls: a certificate's file
    with its key, other_tls: one that nobody trusts."""

    def __init__(self, upstream, path=None, tls=None, other_tls=None):
        self.upstream, self.path = upstream, path
        address = urllib.parse.urlsplit(upstream if path is None else "http://engine")
        self.host, self.port = address.hostname, address.port
        self.lock = threading.Condition()
        self.rules, self.journal = [], []
        self.tls, self.other_tls = self.context(tls), self.context(other_tls)
        self.writers, self.tasks = set(), set()
        self.server = None
        self.inner = {}  # TLS: port of the server that speaks it, by certificate
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.listen_port = 0
        self.back()
        scheme = "https" if tls else "http"
        self.base = f"{scheme}://127.0.0.1:{self.listen_port}" if path is None else None

    @staticmethod
    def context(path):
        if path is None:
            return None
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(path)
        return made

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    # what tests say

    def rule(self, pattern, action, amount=None, **more):
        made = Rule(pattern, action, amount, **more)

        async def add():
            made.released = asyncio.Event()
            with self.lock:
                self.rules.append(made)
        assert action in ACTIONS or action in TLS_FAULTS, action
        self.call(add())
        return made

    def release(self, rule):
        """Ends the waiting of a rule's requests, and the rule."""
        rule.times = 0
        self.loop.call_soon_threadsafe(rule.released.set)

    def clear(self):
        for rule in list(self.rules):
            self.release(rule)
        with self.lock:
            self.rules.clear()

    def passed(self, pattern="", action=None):
        with self.lock:
            return [one for one in self.journal
                    if re.search(pattern, one.path) and action in (None, one.action)]

    def wait(self, condition, timeout=60.0, what="the proxy's journal"):
        """Waits for a condition that changes with a request; its value."""
        with self.lock:
            value = self.lock.wait_for(condition, timeout)
        assert value, f"waited {timeout:g} s for {what}"
        return value

    def wait_done(self, rule, number=1, timeout=60.0):
        return self.wait(lambda: rule.done >= number, timeout,
                         f"{rule.action} of {rule.pattern.pattern}")

    def gone(self):
        async def close():
            self.server.close()
            self.server = None
            if self.path is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path)
            for writer in list(self.writers):
                reset(writer)
        self.call(close())

    def back(self):
        async def listen():
            if self.path is not None:
                self.server = await asyncio.start_unix_server(self.connection, self.path,
                                                              limit=1 << 20)
            else:
                self.server = await asyncio.start_server(self.connection, "127.0.0.1",
                                                         self.listen_port, limit=1 << 20)
                self.listen_port = self.server.sockets[0].getsockname()[1]
        self.call(listen())

    def stop(self):
        async def end():
            for task in list(self.tasks):
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
        self.clear()
        if self.server:
            self.gone()
        self.call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    # connections

    async def connection(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        self.writers.add(writer)
        try:
            await (self.exchange if self.tls is None else self.secure)(reader, writer)
        except OSError:
            pass  # either side hung up
        finally:
            self.writers.discard(writer)
            writer.close()
            self.tasks.discard(asyncio.current_task())

    def pick(self, method, path, kinds=None):
        with self.lock:
            for rule in self.rules:
                if (rule.action in TLS_FAULTS) == (kinds is not None) and rule.takes(method, path):
                    return rule
        return None

    def note(self, method, path, rule, key=None, status=None):
        with self.lock:
            self.journal.append(Passed(time.monotonic(), method, path,
                                       rule.action if rule else "pass", key, status))
            self.lock.notify_all()

    async def secure(self, reader, writer):
        """A TLS connection: broken here, or handed on to a server of ours that speaks it."""
        rule = self.pick("TLS", "", TLS_FAULTS)
        if rule:
            self.note("TLS", "", rule)
        if rule and rule.action != "tls_untrusted":
            await reader.read(1)
            if rule.action == "tls_plain":
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                await writer.drain()
            return
        context = self.other_tls if rule else self.tls
        if context not in self.inner:
            made = await asyncio.start_server(self.exchange, "127.0.0.1", 0, ssl=context)
            self.inner[context] = made.sockets[0].getsockname()[1]
        there, back = await asyncio.open_connection("127.0.0.1", self.inner[context])
        await relay(there, writer, reader, back)

    async def read_request(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        request = Request(head, b"", self.host)
        if request.header("expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.header("transfer-encoding"):
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                request.body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readuntil(b"\r\n")
        else:
            request.body = await reader.readexactly(int(request.header("content-length") or 0))
        return request

    async def exchange(self, reader, writer):
        try:
            await self.one_request(reader, writer)
        except (OSError, EOFError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # either side hung up
        finally:
            writer.close()

    async def one_request(self, reader, writer):
        request = await self.read_request(reader, writer)
        rule = self.pick(request.method, request.path)
        self.note(request.method, request.path, rule, request.header("idempotency-key"))
        await (ACTIONS[rule.action] if rule else forward)(self, request, rule, reader, writer)

    async def open(self, request):
        if self.path is not None:
            reader, writer = await asyncio.open_unix_connection(self.upstream)
        else:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(request.text())
        await writer.drain()
        self.writers.add(writer)
        return reader, writer

    async def ask(self, request, rule):
        """The server's whole answer. A rule with a status is for such answers only: another one
        gives the rule back."""
        reader, writer = await self.open(request)
        try:
            answer = await reader.read(-1)
        finally:
            self.writers.discard(writer)
            writer.close()
        if rule.status and answer[9:12] != b"%d" % rule.status:
            rule.times += 1
            rule.done -= 1
            return answer, False
        with self.lock:
            self.lock.notify_all()
        return answer, True


# what becomes of a request


async def pump(reader, writer):
    """Bytes until their end; an answer says that its connection ends with it."""
    data = await reader.read(1 << 16)
    if data.startswith(b"HTTP/1.") and b"\r\nConnection: " not in data:
        data = data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    while data:
        writer.write(data)
        await writer.drain()
        data = await reader.read(1 << 16)


async def relay(there, writer, reader, back, broken=None):
    """Both ways until one side is done; True when `broken` came before that."""
    waits = [asyncio.ensure_future(pump(there, writer)), asyncio.ensure_future(pump(reader, back))]
    if broken:
        waits.append(asyncio.ensure_future(broken.wait()))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
        results = await asyncio.gather(*waits, return_exceptions=True)
        back.close()
    return results[-1] is True


async def forward(proxy, request, rule, reader, writer):
    """Until the server is done, the client hangs up, or the rule is released."""
    there, back = await proxy.open(request)
    try:
        if await relay(there, writer, reader, back, rule and rule.released):
            reset(writer)
    finally:
        proxy.writers.discard(back)


async def drop_before(proxy, request, rule, reader, writer):
    if rule.action == "reset_before":
        reset(writer)


async def drop_after(proxy, request, rule, reader, writer):
    answer, mine = await proxy.ask(request, rule)
    if not mine:
        writer.write(answer)
        await writer.drain()
    elif rule.action == "reset_after":
        reset(writer)


async def delay(proxy, request, rule, reader, writer):
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(rule.released.wait(), rule.amount)
    await forward(proxy, request, None, reader, writer)


async def late(proxy, request, rule, reader, writer):
    answer, _ = await proxy.ask(request, rule)
    await hold(rule, reader)
    writer.write(answer)
    await writer.drain()


async def belated(proxy, request, rule, reader, writer):
    await rule.released.wait()
    await proxy.ask(request, rule)


async def in_part(proxy, request, rule, reader, writer):
    """stall and truncate."""
    head, body = split((await proxy.ask(request, rule))[0])
    writer.write(head + body[:len(body) // 2])
    await writer.drain()
    if rule.action == "stall":
        await hold(rule, reader)


async def hold(rule, reader):
    """Until the client hangs up or the rule is released."""
    waits = [asyncio.ensure_future(rule.released.wait()), asyncio.ensure_future(reader.read(1))]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for one in waits:
        one.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def refuse(proxy, request, rule, reader, writer):
    body = b'{"error":"broken on purpose"}'
    writer.write(b"HTTP/1.1 %d Broken\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                 % (rule.amount, len(body), body))
    await writer.drain()


async def rubbish(proxy, request, rule, reader, writer):
    """garbage and noise."""
    await proxy.ask(request, rule)
    if rule.action == "garbage":
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz;\r\n")
    writer.write(bytes(range(256)))
    await writer.drain()


async def silent(proxy, request, rule, reader, writer):
    await hold(rule, reader)


ACTIONS = {"drop_before": drop_before, "reset_before": drop_before, "drop_after": drop_after,
           "reset_after": drop_after, "delay": delay, "late": late, "belated": belated,
           "stall": in_part,
           "truncate": in_part,
           "cut": forward, "status": refuse, "garbage": rubbish, "noise": rubbish,
           "silent": silent}
