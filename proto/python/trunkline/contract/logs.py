"""structlog over the standard library, the same in every process: static event names, data in keywords."""

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["console", "json"]


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a module. In a program that configured nothing, as with the client library in somebody else's, it
    is an ordinary logger of the standard library, which stays quiet."""
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(logging.getLogger(name))
    return logger


def configure_logs(level: str = "INFO", log_format: LogFormat = "console") -> None:
    """Send our own and the libraries' logs to standard error in one form; called once, by each process's main."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # The cheapest way to say nothing: below the level a logging method does not even look at its arguments.
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=shared
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # libraries print parameters, secrets among them, at their lower levels
    logging.getLogger("trunkline").setLevel(level.upper())
