"""What a job waits for: the calls of the engine's API and the scripts, each from when to when after the claim."""
import re
import threading
import time

from engine_proxy import EngineProxy


class TimedProxy(EngineProxy):
    """Notes begin and end of each call; an engine call through it costs a connection more."""

    def __init__(self, path, behind):
        super().__init__(path, behind)
        self.lock, self.spans = threading.Lock(), []
        inner = self.server.RequestHandlerClass

        class Timed(inner):
            def forward(self, path, body):
                begin = time.time_ns() / 1e6
                try:
                    return inner.forward(self, path, body)
                finally:
                    with self.proxy.lock:
                        self.proxy.spans.append((begin, time.time_ns() / 1e6, short(f"{self.command} {path}")))
        self.server.RequestHandlerClass = Timed


def short(call):
    call = re.sub(r"/v[0-9.]+/", "/", call.partition("?")[0])
    return re.sub(r"[0-9a-f]{64}", lambda found: found.group()[:6], call)


def chart(spans, origin, width=60):
    """A line for each span: a bar on one time scale, from when to when in ms, its name."""
    whole = max(end for _, end, _ in spans) - origin
    for begin, end, name in sorted(spans):
        left = int((begin - origin) / whole * width)
        bar = " " * left + "=" * max(1, int((end - begin) / whole * width))
        yield f"{bar:<{width}.{width}} {begin - origin:7.1f} {end - origin:7.1f}  {name}"
