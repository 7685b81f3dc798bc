"""A reader of an event stream: what a browser's EventSource does, but coming again by itself, and
without any tolerance: a line that is no field, or bytes that are no UTF-8, fail the test."""
import http.client
import re
import urllib.parse

LINE = re.compile(r'<p[^>]* id="L(\d+)-(\d+)">')


class Event:
    def __init__(self, name, data, last_id):
        self.name, self.data, self.id = name, data, last_id

    @property
    def numbers(self):
        """Of the lines in it: [(step, line)]."""
        return [(int(step), int(line)) for step, line in LINE.findall(self.data)]


class EventStream:
    """Iterates over events; what is no event (comments, retry) is counted in `others`."""

    def __init__(self, base, path, last_id=None, headers=None, source=None, timeout=60):
        url = urllib.parse.urlsplit(base)
        self.connection = http.client.HTTPConnection(
            url.hostname, url.port, timeout=timeout, source_address=(source, 0) if source else None)
        self.connection.request("GET", path, headers={
            "Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {}), **(headers or {})})
        self.answer = self.connection.getresponse()
        self.status, self.last_id, self.others = self.answer.status, last_id, []

    def close(self):
        self.answer.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def line(self):
        raw = self.answer.readline()
        if not raw:
            raise StopIteration
        assert raw.endswith(b"\n"), raw
        text = raw[:-1].decode()
        assert "\r" not in text and "\0" not in text and "\x1b" not in text, raw
        return text

    def until_comment(self):
        while self.line() != ":":
            pass

    def __iter__(self):
        return self

    def __next__(self):
        name, data = None, []
        while text := self.line():
            field, colon, value = text.partition(":")
            value = value.removeprefix(" ")
            assert colon, text
            if field == "id":
                self.last_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            else:
                assert field in ("", "retry"), text
                self.others.append(text)
        return Event(name, "\n".join(data), self.last_id) if data else self.__next__()

    def until(self, condition):
        """Events up to the first that fulfils it, that one included."""
        found = []
        for event in self:
            found.append(event)
            if condition(event):
                return found
        raise AssertionError(f"the stream ended: {[event.name for event in found]}")

    def until_line(self, step, line):
        return self.until(lambda event: (step, line) in event.numbers)


def numbers(events):
    return [number for event in events for number in event.numbers]
