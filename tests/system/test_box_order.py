"""What of a job's containers may happen at once, and what must not."""
import re
import threading

import pytest

from conftest import few
from engine_proxy import EngineProxy

PATIENCE = 40.0


class OrderProxy(EngineProxy):
    """Lets the first start of a container through when a second container was created; fails it if asked to."""

    def __init__(self, path, behind, refuse=False):
        super().__init__(path, behind)
        self.refuse, self.lock = refuse, threading.Condition()
        self.created, self.started, self.early, self.first = 0, 0, 0, False
        inner = self.server.RequestHandlerClass

        class Ordered(inner):
            def forward(self, path, body):
                return self.proxy.pass_on(self.command, path, lambda: inner.forward(self, path, body))
        self.server.RequestHandlerClass = Ordered

    def pass_on(self, command, path, forward):
        if command == "POST" and re.search(r"/containers/[^/]+/start", path):
            return self.start(forward)
        answer = forward()
        if command == "POST" and "/containers/create" in path and answer[0] == 201:
            with self.lock:
                self.created += 1
                self.lock.notify_all()
        return answer

    def start(self, forward):
        with self.lock:
            holder, self.first = not self.first, True
            if not holder and not self.started:
                self.early += 1
            if holder and not self.lock.wait_for(lambda: self.created >= 2, PATIENCE):
                return 500, [], b'{"message":"no box was created meanwhile"}'
        if holder and self.refuse:
            return 500, [], b'{"message":"the holder is refused on purpose"}'
        answer = forward()
        with self.lock:
            self.started += 1
        return answer


@pytest.fixture
def ordered(request, folder, engine, runner, faulty):
    """(proxy, the job's Recorded) of a job with three steps."""
    def run(refuse=False):
        proxy = OrderProxy(folder / "engine.sock", engine.socket, refuse)
        request.addfinalizer(proxy.stop)
        job = faulty.offer_job(1, steps=[{"run": "echo one"}, {"run": "echo two"}, {"run": "echo three"}])
        assert runner(faulty.base, faulty.token, engine_socket=proxy.path).once().process.returncode == 0
        return proxy, job
    return run


@pytest.mark.flavors("docker-gate-step", "podman-gate-job")
def test_boxes_are_created_while_the_holder_starts(ordered):
    proxy, job = ordered()
    assert job.final == ("completed", "success"), job.log()
    assert proxy.early == 0, "a box was started before the holder was up"


@few
def test_a_holder_that_fails_while_boxes_wait_fails_the_job_with_its_reason(ordered):
    proxy, job = ordered(refuse=True)
    assert job.final == ("completed", "failure")
    assert b"the holder is refused on purpose" in job.log(), job.log()
    assert proxy.started == 0
