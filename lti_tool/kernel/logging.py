"""Logs: one line an event, `time level event key=value …`. Never tokens, e-mail addresses or answers."""

import logging
import re
from datetime import UTC, datetime

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_SECRET_PATH = re.compile(
    r"/(s|w|lti/register|ticket|admin/sign-in|admin/enter)/[^/\s?\"]+"
    r"|\b(ticket|code|state|id_token|login_hint|lti_message_hint|registration_token|window|window_pass|JWT"
    r"|client_assertion|access_token)=[^&\s\"]+"
)


class LineFormatter(logging.Formatter):
    """Writes the event name and what was passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback below it if there is one."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        extra = " ".join(f"{key}={value!r}" for key, value in vars(record).items() if key not in _STANDARD)
        line = f"{moment} {record.levelname.lower()} {record.name} {record.getMessage()} {extra}".rstrip()
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact(line)


def redact(line: str) -> str:
    """A text with the parts of URLs that let somebody in replaced by `…`."""
    return _SECRET_PATH.sub(lambda found: f"/{found[1]}/…" if found[1] else f"{found[2]}=…", line)


def configure_logging(level: str) -> None:
    """Send everything to standard error in our format."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "celery", "kombu", "alembic"):  # they tell of every step
        logging.getLogger(noisy).setLevel("WARNING")
