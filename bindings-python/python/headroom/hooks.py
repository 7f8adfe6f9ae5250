"""Hooks around a compression."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

from .pipeline import PipelineEvent

__all__ = ["CompressContext", "CompressEvent", "CompressionHooks"]


@dataclass
class CompressContext:
    """What a hook knows of the request."""

    model: str = ""
    """The model as the caller named it."""
    user_query: str = ""
    """The last user text."""
    turn_number: int = 0
    """How many user messages the conversation has."""
    tool_calls: list[str] = field(default_factory=list)
    """Names of the tools whose results the conversation has, in order."""
    provider: str = ""
    """The provider that the caller named, or the one whose API has the shape of the messages; else empty."""


@dataclass
class CompressEvent:
    """What a compression came to."""

    tokens_before: int = 0
    tokens_after: int = 0
    tokens_saved: int = 0
    compression_ratio: float = 0.0
    """The share removed, from 0.0 to 1.0."""
    transforms_applied: list[str] = field(default_factory=list)
    ccr_hashes: list[str] = field(default_factory=list)
    model: str = ""
    user_query: str = ""
    provider: str = ""


class CompressionHooks:
    """Hooks that do nothing; override what is of interest, plain or ``async def``.

    A method that a subclass leaves alone is never called. A hook that raises is logged and skipped. Hooks get a copy of
    the messages in the caller's shape.
    """

    def pre_compress(self, messages: Any, ctx: CompressContext) -> Any | Awaitable[Any]:
        """May replace the messages before anything else reads them."""
        return messages

    def compute_biases(self, messages: Any, ctx: CompressContext) -> dict[int, float] | Awaitable[dict[int, float]]:
        """May say by message index what keeps more (above 1.0) or less (below)."""
        return {}

    def post_compress(self, event: CompressEvent) -> None | Awaitable[None]:
        """Is told what the compression came to, exactly once a call."""

    def on_pipeline_event(self, event: PipelineEvent) -> PipelineEvent | None | Awaitable[PipelineEvent | None]:
        """May take part in the pipeline as an extension does."""
        return None
