"""A Celery broker without a server: messages are files, and a claim is a rename.

Kombu has a filesystem transport, but it writes messages where they are read from
(so that a reader can see half of one) and deletes a message before it's done.
Here each step is one atomic rename within one folder, which each silo has for itself:

    tmp/                        messages being written
    queues/QUEUE/NAME           messages that wait; names sort by age
    claimed/OWNER/QUEUE/NAME    messages that a consumer holds
    claimed/OWNER.lock          locked for as long as that consumer lives

A consumer takes a message by renaming it into its own folder, and two can't do so.
From then on it holds a claim, which is given up once: either by acknowledging (the
file is deleted) or by restoring (the file goes back). So a task that a worker had
in hand, but hadn't begun when it was told to stop, is done by the next one only.
What a killed consumer held goes back when the next one starts.

Celery acknowledges a task as it begins, in the thread that runs it, if the worker's
pool is one of threads; use that one.
"""

import fcntl
import os
import time
import uuid
from collections import deque
from pathlib import Path
from queue import Empty

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.utils.json import dumps, loads

#: How long to block at most: a worker that is told to stop looks up this often.
MAX_WAIT = 0.2

#: The first pause when there is nothing to do; each further one is twice as long. A
#: worker whose hands are full has such pauses too, so they start short.
FIRST_PAUSE = 0.005


class ClaimLost(Exception):
    """The message went back to its queue before the task began; another will do it."""


class QoS(virtual.QoS):
    def ack(self, delivery_tag):
        self.channel.finish(delivery_tag)
        super().ack(delivery_tag)

    def reject(self, delivery_tag, requeue=False):
        if requeue:
            self.channel.give_back(delivery_tag)
        else:
            self.channel.finish(delivery_tag)
        super().ack(delivery_tag)


class Channel(virtual.Channel):
    QoS = QoS

    def __init__(self, connection, **kwargs):
        super().__init__(connection, **kwargs)
        self.root = Path(connection.client.transport_options["folder"])
        self._waiting: dict[str, deque[str]] = {}
        self._claims: dict[str, tuple[Path, Path]] = {}
        self._unacknowledged: set[str] = set()
        self._folder: Path | None = None
        self._lock: int | None = None
        (self.root / "tmp").mkdir(parents=True, exist_ok=True)

    # The steps of a message's life.

    def _put(self, queue, message, **kwargs):
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
        draft = self.root / "tmp" / name
        draft.write_text(dumps(message))
        draft.rename(self._queue(queue) / name)

    def _get(self, queue, timeout=None):
        folder = self._queue(queue)
        waiting = self._waiting.setdefault(queue, deque())
        if not waiting:
            waiting.extend(sorted(os.listdir(folder)))
        while waiting:
            name = waiting.popleft()
            home, claim = folder / name, self._claims_on(queue) / name
            try:
                home.rename(claim)
            except FileNotFoundError:
                continue  # Another consumer was faster.
            message = loads(claim.read_text())
            tag = message["properties"]["delivery_tag"]
            self._claims[tag] = home, claim
            if queue in self._unacknowledged:
                self.finish(tag)
            return message
        raise Empty

    def finish(self, tag: str) -> None:
        """Gives up a claim for good. Raises ClaimLost if it was given up before."""
        try:
            # Whichever thread pops the claim has it: this is what makes it happen once.
            _, claim = self._claims.pop(tag)
        except KeyError:
            raise ClaimLost(tag) from None
        claim.unlink()

    def give_back(self, tag: str) -> None:
        """Gives up a claim so that another can take the message, in its old place."""
        if found := self._claims.pop(tag, None):
            home, claim = found
            claim.rename(home)

    def _restore(self, message):
        self.give_back(message.delivery_tag)

    # Consumers.

    def basic_consume(self, queue, no_ack, *args, **kwargs):
        if no_ack:
            self._unacknowledged.add(queue)
        self._recover()
        return super().basic_consume(queue, no_ack, *args, **kwargs)

    def basic_get(self, queue, no_ack=False, **kwargs):
        message = super().basic_get(queue, no_ack=no_ack, **kwargs)
        if message is not None and no_ack and message.delivery_tag in self._claims:
            self.finish(message.delivery_tag)
        return message

    def close(self):
        if not self.closed:
            super().close()
            if self._lock is not None:
                self._forget(self._folder)
                os.close(self._lock)
                self._lock = None

    def _claims_on(self, queue: str) -> Path:
        if self._folder is None:
            owner = f"{os.getpid()}-{uuid.uuid4().hex}"
            (self.root / "claimed").mkdir(exist_ok=True)
            # Locked before it can be seen, so that nobody takes us for dead.
            draft = self.root / "tmp" / f"{owner}.lock"
            self._lock = os.open(draft, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.rename(self.root / "claimed" / draft.name)
            self._folder = self.root / "claimed" / owner
        folder = self._folder / queue
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _recover(self) -> None:
        """Puts back what dead consumers held."""
        for lock in (self.root / "claimed").glob("*.lock"):
            try:
                descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._forget(lock.with_suffix(""))
            except BlockingIOError:
                pass  # Alive.
            finally:
                os.close(descriptor)

    def _forget(self, folder: Path) -> None:
        for claim in folder.glob("*/*"):
            claim.rename(self._queue(claim.parent.name) / claim.name)
        for queue in folder.glob("*"):
            queue.rmdir()
        if folder.exists():
            folder.rmdir()
        folder.with_suffix(".lock").unlink(missing_ok=True)

    # Queues.

    def _queue(self, queue: str) -> Path:
        folder = self.root / "queues" / queue
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _new_queue(self, queue, **kwargs):
        self._queue(queue)

    def _size(self, queue):
        return len(os.listdir(self._queue(queue)))

    def _purge(self, queue):
        count = 0
        for path in self._queue(queue).iterdir():
            try:
                path.unlink()
                count += 1
            except FileNotFoundError:
                pass  # Taken meanwhile.
        return count


class Transport(virtual.Transport):
    Channel = Channel
    driver_type = "acme-folder"
    driver_name = "acme-folder"
    polling_interval = 0.1

    def driver_version(self):
        return "1"

    def drain_events(self, connection, timeout=None):
        wait = MAX_WAIT if timeout is None else min(timeout, MAX_WAIT)
        deadline = time.monotonic() + wait
        pause = FIRST_PAUSE
        while True:
            try:
                return self.cycle.get(self._deliver, timeout=wait)
            except Empty:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError from None
            time.sleep(min(pause, left))
            pause = min(2 * pause, self.polling_interval)


def register() -> str:
    """Makes the transport known to kombu, and returns the broker URL to use."""
    TRANSPORT_ALIASES["acmefolder"] = "acme.broker:Transport"
    return "acmefolder://localhost"
