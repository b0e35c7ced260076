"""The file broker: every task is done once, whoever comes and goes meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from kombu import Connection, Exchange, Queue

from acme import broker

TESTS = Path(__file__).resolve().parent
PER_PRODUCER = 2500
DEADLINE = 50


class Run:
    """Producers and workers on one broker folder, which stop with the test."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environ = os.environ | {"BROKER_TEST_FOLDER": str(folder)}
        self.deadline = time.monotonic() + DEADLINE
        self.processes: list[subprocess.Popen] = []

    def start(self, log: str, *arguments: str) -> subprocess.Popen:
        with open(self.folder / f"{log}.log", "ab") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=TESTS,
                env=self.environ,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def producer(self, first: int) -> subprocess.Popen:
        return self.start("producer", "broker_app.py", "produce", str(first), str(PER_PRODUCER))

    def worker(self, name: str) -> subprocess.Popen:
        return self.start(
            name, *"-m celery -q -A broker_app worker -P threads -c 2 -n".split(), f"{name}@test"
        )

    def lines(self) -> list[str]:
        path = self.folder / "done"
        return path.read_text().splitlines() if path.exists() else []

    def until(self, what: str, condition) -> None:
        while not condition():
            if time.monotonic() > self.deadline:
                logs = "\n".join(p.read_text()[-2000:] for p in self.folder.glob("*.log"))
                pytest.fail(f"not in time: {what}; {len(self.lines())} are done\n{logs}")
            time.sleep(0.02)

    def stop(self, process: subprocess.Popen, how: int = signal.SIGTERM) -> int:
        process.send_signal(how)
        return process.wait(timeout=max(self.deadline - time.monotonic(), 1))

    def done_by(self, process: subprocess.Popen) -> int:
        return sum(line.endswith(f" {process.pid}") for line in self.lines())


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    yield run
    for process in run.processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_every_task_is_done_once_across_an_orderly_restart(run):
    steady, restarted = run.worker("steady"), run.worker("restarted")
    producers = [run.producer(0), run.producer(PER_PRODUCER)]

    # In the middle of it, one worker is stopped and started anew.
    run.until("both workers work", lambda: min(run.done_by(steady), run.done_by(restarted)) > 50)
    assert run.stop(restarted) == 0
    assert len(run.lines()) < 2 * PER_PRODUCER, "the restart came too late to test anything"
    again = run.worker("restarted")

    run.until("all tasks are done", lambda: len(run.lines()) >= 2 * PER_PRODUCER)
    assert [producer.wait(timeout=10) for producer in producers] == [0, 0]
    assert run.stop(steady) == 0
    assert run.stop(again) == 0

    counts = Counter(int(line.split()[0]) for line in run.lines())
    assert sorted(counts) == list(range(2 * PER_PRODUCER)), "some were lost"
    assert {number: n for number, n in counts.items() if n > 1} == {}, "some were done twice"
    files = [path for path in (run.folder / "broker").rglob("*") if path.is_file()]
    assert files == [], "something was left in the broker's folder"


def test_what_a_killed_worker_held_is_done_by_the_next(run):
    producer = run.producer(0)
    victim = run.worker("victim")
    run.until("the worker works", lambda: run.done_by(victim) > 20)
    assert run.stop(victim, signal.SIGKILL) == -signal.SIGKILL
    assert producer.wait(timeout=30) == 0

    # What it had begun is gone, at most one task per thread; all else is done, and once.
    heir = run.worker("heir")
    run.until("the rest is done", lambda: len(run.lines()) >= PER_PRODUCER - 2)
    run.until("nothing waits", lambda: not os.listdir(run.folder / "broker/queues/numbers"))
    assert run.stop(heir) == 0
    counts = Counter(int(line.split()[0]) for line in run.lines())
    assert max(counts.values()) == 1
    assert PER_PRODUCER - 2 <= len(counts) <= PER_PRODUCER


# The steps, one by one.


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "broker"


def connect(folder: Path) -> Connection:
    return Connection(broker.register(), transport_options={"folder": str(folder)})


QUEUE = Queue("q", Exchange("q"), "q")


def put(connection: Connection, *numbers: int) -> None:
    producer = connection.Producer()
    for number in numbers:
        producer.publish(number, exchange=QUEUE.exchange, routing_key="q", declare=[QUEUE])


def test_messages_come_in_order_and_restored_ones_take_their_old_place(folder):
    with connect(folder) as producer, connect(folder) as one, connect(folder) as two:
        put(producer, 1, 2, 3)
        first = QUEUE(one.channel()).get()
        second = QUEUE(two.channel()).get()
        assert [first.payload, second.payload] == [1, 2]
        first.requeue()
        second.ack()
        channel = two.channel()
        assert [QUEUE(channel).get().payload for _ in range(2)] == [1, 3]
        assert QUEUE(channel).get() is None


def test_a_message_that_went_back_can_no_longer_be_acknowledged(folder):
    with connect(folder) as connection:
        put(connection, 1)
        channel = connection.channel()
        message = QUEUE(channel).get()
        channel.qos.restore_unacked()
        with pytest.raises(broker.ClaimLost):
            message.ack()
        assert QUEUE(connection.channel()).get().payload == 1


def test_a_message_that_is_acknowledged_can_no_longer_go_back(folder):
    with connect(folder) as connection:
        put(connection, 1)
        channel = connection.channel()
        QUEUE(channel).get().ack()
        channel.qos.restore_unacked()
        channel.close()
        assert QUEUE(connection.channel()).get() is None


def test_a_living_consumers_claims_are_left_alone(folder):
    with connect(folder) as connection, connect(folder) as other:
        put(connection, 1)
        held = QUEUE(connection.channel()).get()
        with other.Consumer([QUEUE], callbacks=[lambda *_: pytest.fail("taken twice")]):
            with pytest.raises(TimeoutError):
                other.drain_events(timeout=0.05)
        held.ack()


def test_without_acknowledgement_nothing_stays(folder):
    with connect(folder) as connection:
        put(connection, 1, 2)
        assert QUEUE(connection.channel()).get(no_ack=True).payload == 1
        got = []
        with connection.Consumer([QUEUE], no_ack=True, callbacks=[lambda b, m: got.append(b)]):
            connection.drain_events(timeout=1)
        assert got == [2]
    assert [path for path in folder.rglob("*") if path.is_file()] == []
