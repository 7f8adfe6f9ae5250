"""What several tests need."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import headroom_uniffi as headroom
from headroom_uniffi import (
    AsyncPipelineExtension,
    CompressOptions,
    Declarations,
    Logger,
    PipelineEvent,
    PipelineExtension,
    PipelineExtensionManager,
    Registration,
)

REPOSITORY = Path(os.environ["HEADROOM_REPOSITORY"])


def make_conversation(rows: int = 400) -> list[dict[str, Any]]:
    """A conversation whose last message is a table."""
    table = [{"id": n, "name": f"service-{n}", "status": "ok", "latency_ms": n * 7 % 13} for n in range(rows)]
    call = {"id": "call_1", "type": "function", "function": {"name": "list_services", "arguments": "{}"}}
    return [
        {"role": "system", "content": "You watch services."},
        {"role": "user", "content": "Which service is slow?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": json.dumps(table)},
    ]


class Plain(PipelineExtension):
    """An extension made of a function."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def on_pipeline_event(self, event: PipelineEvent) -> Any:
        return self.function(event)


class Async(AsyncPipelineExtension):
    """An extension made of an ``async def``."""

    def __init__(self, function: Any) -> None:
        self.function = function

    async def on_pipeline_event(self, event: PipelineEvent) -> Any:
        return await self.function(event)


def plain(function: Any, name: str = "Mine", **declared: Any) -> Registration:
    return Registration.PLAIN(Plain(function), Declarations(name=name, **declared))


def awaiting(function: Any, name: str = "Mine", **declared: Any) -> Registration:
    return Registration.ASYNC(Async(function), Declarations(name=name, **declared))


def options(*extensions: Registration, **given: Any) -> CompressOptions:
    return CompressOptions(store=":memory:", extensions=PipelineExtensionManager(list(extensions)), **given)


def outcomes(result: Any, name: str = "Mine") -> dict[str, str]:
    """What became of an extension, by stage."""
    return {call.stage: call.outcome.name.lower() for call in result.report.extensions if call.extension == name}


class Warnings(Logger):
    """Collects what the engine logs while it is open."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def log(self, level: headroom.LogLevel, logger: str, message: str) -> None:
        assert level == headroom.LogLevel.WARNING and logger.startswith("headroom")
        self.texts.append(message)

    def __enter__(self) -> list[str]:
        headroom.set_logger(self)
        return self.texts

    def __exit__(self, *_: object) -> None:
        headroom.set_logger(None)
