"""What isn't worth a line in the log."""

import logging
import re

_ROUTINE = re.compile(r"[A-Z]+ (/_health/|\S+[?&]poll\b)")


class NotRoutine(logging.Filter):
    """Drops the access lines of health checks and of the page's polling that went well."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 0) not in (200, 304):
            return True
        return not (record.args and _ROUTINE.match(str(record.args[0])))
