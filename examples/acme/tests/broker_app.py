"""The Celery app of test_broker: tasks that write down that they were done.

    python broker_app.py produce FIRST COUNT
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from celery import Celery  # noqa: E402

from acme import broker  # noqa: E402

FOLDER = Path(os.environ["BROKER_TEST_FOLDER"])

app = Celery("broker_app", broker=broker.register())
app.conf.update(
    broker_transport_options={"folder": str(FOLDER / "broker")},
    task_default_queue="numbers",
    task_ignore_result=True,
    worker_pool="threads",
    worker_prefetch_multiplier=4,
    worker_enable_remote_control=False,
)

# One write to a file opened for appending is one piece, whoever else writes.
_done = os.open(FOLDER / "done", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@app.task(name="done")
def done(number):
    os.write(_done, f"{number} {os.getpid()}\n".encode())


@app.task(name="slow")
def slow(number):
    # Long enough that a worker which is told to stop has begun some and holds others.
    time.sleep(0.05)
    done(number)


if __name__ == "__main__" and sys.argv[1:2] == ["produce"]:
    first, count = map(int, sys.argv[2:])
    for number in range(first, first + count):
        (slow if number % 50 == 0 else done).delay(number)
