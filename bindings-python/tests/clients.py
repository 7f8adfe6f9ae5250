"""Wrapped clients of the loopback provider, and extensions that watch or change what goes through them."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import openai
from provider import Provider

from headroom import HeadroomClient, PipelineEvent, PipelineStage

REQUEST_STAGES = [
    "input_received",
    "input_cached",
    "input_routed",
    "input_compressed",
    "input_remembered",
    "pre_send",
    "post_send",
    "response_received",
]


#: Stages that belong to a client, not to a request.
CLIENT_STAGES = ("setup", "pre_start", "post_start")


class Recorder:
    """Keeps what it saw."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        seen = {"stage": event.stage.value, "operation": event.operation, "request_id": event.request_id}
        seen["metadata"] = dict(event.metadata)
        seen["response"] = event.response
        seen["payload"] = event.payload
        seen["messages"] = event.messages
        seen["headers"] = event.headers
        self.events.append(seen)

    @property
    def seen(self) -> list[str]:
        """The stages of requests, without those of the client itself."""
        return [event["stage"] for event in self.events if event["stage"] not in CLIENT_STAGES]

    def at(self, stage: str) -> dict[str, Any]:
        (event,) = [event for event in self.events if event["stage"] == stage]
        return event


class AddHeader:
    """Injects a header by in-place change."""

    stages = [PipelineStage.PRE_SEND]

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        event.headers["x-team"] = "search"


class AsyncAddHeader:
    """The same as a coroutine."""

    stages = ["pre_send"]

    async def on_pipeline_event(self, event: PipelineEvent) -> None:
        await asyncio.sleep(0)
        event.headers["x-team"] = "search"


class Cache:
    """Answers early."""

    def __init__(self, response: Any, stage: PipelineStage = PipelineStage.INPUT_RECEIVED) -> None:
        self.response = response
        self.stage = stage

    def on_pipeline_event(self, event: PipelineEvent) -> PipelineEvent | None:
        if event.stage is not self.stage:
            return None
        return PipelineEvent(PipelineStage.RESPONSE_RECEIVED, event.operation, response=self.response)


def openai_client(provider: Provider, **options: Any) -> HeadroomClient:
    return HeadroomClient(
        openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=0), discover=False, **options
    )


def anthropic_client(provider: Provider, **options: Any) -> HeadroomClient:
    return HeadroomClient(
        anthropic.Anthropic(api_key="k", base_url=provider.url, max_retries=0), discover=False, **options
    )


def async_openai_client(provider: Provider, **options: Any) -> HeadroomClient:
    return HeadroomClient(
        openai.AsyncOpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=0), discover=False, **options
    )


def async_anthropic_client(provider: Provider, **options: Any) -> HeadroomClient:
    return HeadroomClient(
        anthropic.AsyncAnthropic(api_key="k", base_url=provider.url, max_retries=0), discover=False, **options
    )


def anthropic_messages(conversation: list[dict[str, Any]]) -> list[dict[str, Any]]:
    use = {"type": "tool_use", "id": "t1", "name": "list_services", "input": {"limit": 400}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": conversation[3]["content"]}
    return [
        {"role": "user", "content": conversation[1]["content"]},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]


def responses_input(conversation: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": conversation[1]["content"]},
        {"type": "function_call", "call_id": "c1", "name": "list_services", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": conversation[3]["content"]},
    ]
