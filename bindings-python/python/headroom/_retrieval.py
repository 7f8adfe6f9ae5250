"""Originals back: as a function, and as a tool that a model calls."""

from __future__ import annotations

from typing import Any

from . import _core


def retrieve(hash: str, query: str | None = None, lines: str | None = None, *, store: Any = None) -> str:
    """The original that a marker names, or the part of it that is asked for.

    Args:
        hash: The 24 hex digits of the marker.
        query: Only the lines that match; phrases in double quotes are taken as they are.
        lines: Only these lines, from 1: ``10-20``, ``5-``, ``-20`` for the last 20, several with commas between.
        store: Where to look, as for ``compress``.

    Raises:
        StorageError: With ``code`` ``not_found`` or ``expired`` when there is none.
    """
    return _core.retrieve(hash, query, lines, store)


def retrieve_tool(provider: str = "openai") -> dict[str, Any]:
    """The definition of the retrieval tool, to be appended to the ``tools`` of a request.

    ``provider`` is ``openai`` (Chat Completions), ``openai-responses``, ``anthropic`` or ``gemini``.
    """
    return _core.retrieve_tool(provider)


def answer_tool_call(call: Any, *, store: Any = None) -> dict[str, Any]:
    """The message that answers a model's call of the retrieval tool, to be appended to the conversation.

    ``call`` is an entry of ``tool_calls``, a ``function_call`` item, a ``tool_use`` block or a part with
    ``functionCall``, as a dict or as the object of the provider's package.
    """
    return _core.answer_tool_call(call, store)
