"""The three APIs of the wrapped clients: where they are, and how their answers stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from . import _anthropic, _chat, _responses


@dataclass(frozen=True)
class Api:
    """One API."""

    path: str
    resource: tuple[str, ...]
    """Where the wrapped client has it."""
    list_key: str
    answer_type: str
    """The package's type of an answer."""
    complete: Callable[[dict[str, Any], str], dict[str, Any]]
    """Adds what an answer must have; takes the answer and the model."""
    events: Callable[[dict[str, Any], bool], Iterator[dict[str, Any]]]
    """The events that stream an answer; takes whether usage was asked for."""
    assembler: Callable[[], Any]
    """Makes an object whose ``add(event)`` takes streamed events and whose ``response`` is the whole answer."""
    named_events: bool
    """Whether each event has a line with its name."""
    done: str = ""
    """What ends a stream."""
    metadata: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def takes_iterables(messages: Any) -> bool:
        """Whether a value is an iterable of messages rather than a placeholder for nothing."""
        return hasattr(messages, "__iter__") and not isinstance(messages, (dict, str, bytes))

    def stream_body(self, answer: dict[str, Any], include_usage: bool) -> bytes:
        """An answer as server-sent events."""
        lines: list[str] = []
        for event in self.events(answer, include_usage):
            if self.named_events:
                lines.append(f"event: {event['type']}\n")
            lines.append(f"data: {json.dumps(event)}\n\n")
        return ("".join(lines) + self.done).encode()


def plain(response: Any) -> dict[str, Any]:
    """An answer as plain data: what extensions see in ``event.response``."""
    dump = getattr(response, "model_dump", None)
    if dump is not None:
        dumped: dict[str, Any] = dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)
        return dumped
    return response if isinstance(response, dict) else {"value": response}


CHAT = Api(
    path="/v1/chat/completions",
    resource=("chat", "completions"),
    list_key="messages",
    answer_type="ChatCompletion",
    complete=_chat.complete,
    events=_chat.events,
    assembler=_chat.Assembler,
    named_events=False,
    done="data: [DONE]\n\n",
)
RESPONSES = Api(
    path="/v1/responses",
    resource=("responses",),
    list_key="input",
    answer_type="Response",
    complete=_responses.complete,
    events=_responses.events,
    assembler=_responses.Assembler,
    named_events=True,
    metadata={"api_style": "responses"},
)
MESSAGES = Api(
    path="/v1/messages",
    resource=("messages",),
    list_key="messages",
    answer_type="Message",
    complete=_anthropic.complete,
    events=_anthropic.events,
    assembler=_anthropic.Assembler,
    named_events=True,
)
