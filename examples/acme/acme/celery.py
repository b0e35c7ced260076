"""The Celery app: one broker and one queue per silo, so that none takes another's tasks."""

import os

from celery import Celery

from acme import broker
from acme.env import env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "acme.settings")

#: Beat keeps its schedule in this folder.
(env.var / env.silo).mkdir(parents=True, exist_ok=True)

app = Celery("acme", include=["acme.tasks"])

if env.broker_url:
    app.conf.broker_url = env.broker_url
    app.conf.broker_transport_options = {"global_keyprefix": f"acme:{env.silo}:"}
else:
    app.conf.broker_url = broker.register()
    app.conf.broker_transport_options = {"folder": str(env.broker_folder)}

app.conf.update(
    task_default_queue=f"acme.{env.silo}",
    task_ignore_result=True,
    task_publish_retry_policy={"max_retries": 2, "interval_start": 0.1, "interval_max": 0.5},
    broker_connection_retry_on_startup=True,
    timezone="UTC",
    # Threads: quick to start and to stop, nothing to leave behind, and a task is
    # acknowledged in the moment it begins (see acme.broker).
    worker_pool="threads",
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=True,
    worker_log_format="%(levelname)s %(message)s",
    worker_task_log_format="%(levelname)s %(task_name)s: %(message)s",
    beat_schedule={
        "tick": {
            "task": "acme.tick",
            "schedule": env.beat_seconds,
            # Ticks that no worker took are of no use later.
            "options": {"expires": 4 * env.beat_seconds},
        }
    },
)
