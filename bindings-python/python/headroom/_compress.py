"""``compress`` and ``acompress``."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from . import _core
from ._arguments import function, number, text, text_or_none, truth
from ._core import CompressResult
from .config import CompressConfig, chosen_options
from .pipeline import manager_of_call

DEFAULT_MODEL = "claude-sonnet-4-5-20250929"
DEFAULT_MODEL_LIMIT = 200_000

OnEvent = Callable[[str, "dict[str, Any]"], "Awaitable[None] | None"]

_log = logging.getLogger("headroom")


def compress(
    messages: Any,
    model: str = DEFAULT_MODEL,
    model_limit: int = DEFAULT_MODEL_LIMIT,
    optimize: bool = True,
    hooks: Any = None,
    config: CompressConfig | None = None,
    *,
    extensions: Any = None,
    on_event: OnEvent | None = None,
    provider: str | None = "",
    session_id: str | None = None,
    store: Any = None,
    **options: Any,
) -> CompressResult:
    """Makes messages smaller and keeps every original retrievable.

    ``messages`` is a list of messages or a whole request body, in the shape of OpenAI Chat Completions, OpenAI
    Responses, Anthropic Messages or Gemini. It is never changed: the result has a new list or dict, in which everything
    that was not compressed is the caller's own object.

    Args:
        messages: The conversation.
        model: Chooses the tokenizer.
        model_limit: Tokens that the model takes; more only gives a warning.
        optimize: When false, tokens are only counted.
        hooks: One object or a list: ``CompressionHooks``, or anything with ``on_pipeline_event``.
        config: Options; keywords of the same names go before it.
        extensions: One object or a list with ``on_pipeline_event``, beside those that installed packages offer.
        on_event: Is called with the name and the data of each progress event, plain or ``async``.
        provider: ``openai``, ``anthropic`` or ``gemini``; by default told from the shape.
        session_id: Is in the metadata of every event of this request.
        store: Where originals go: a path, ``sqlite:///path`` or ``:memory:``. By default ``HEADROOM_STORE``, or a file
            in ``~/.headroom``.
        **options: Fields of ``CompressConfig``.

    Raises:
        ConfigurationError: An option or a declaration of an extension has a value that it cannot have.
        ExtensionError: An extension that declares itself ``closed`` failed or refused.
    """
    arguments = _arguments(model, optimize, hooks, config, extensions, on_event, provider, session_id, store, options)
    number("model_limit", model_limit)
    result = _core.compress(messages, arguments)
    _warn_of_limit(result, model, model_limit)
    return result


async def acompress(
    messages: Any,
    model: str = DEFAULT_MODEL,
    model_limit: int = DEFAULT_MODEL_LIMIT,
    optimize: bool = True,
    hooks: Any = None,
    config: CompressConfig | None = None,
    *,
    extensions: Any = None,
    on_event: OnEvent | None = None,
    provider: str | None = "",
    session_id: str | None = None,
    store: Any = None,
    **options: Any,
) -> CompressResult:
    """``compress`` for tasks.

    The engine works on a thread of its own; extensions, hooks and ``on_event`` run on the loop of the awaiting task
    with its context variables. Cancelling the task ends the work and cancels the coroutine that runs in it.
    """
    from ._loop import in_worker

    arguments = _arguments(model, optimize, hooks, config, extensions, on_event, provider, session_id, store, options)
    number("model_limit", model_limit)
    result: CompressResult = await in_worker(_core.compress, messages, arguments)
    _warn_of_limit(result, model, model_limit)
    return result


def _arguments(
    model: str,
    optimize: bool,
    hooks: Any,
    config: CompressConfig | None,
    extensions: Any,
    on_event: OnEvent | None,
    provider: str | None,
    session_id: str | None,
    store: Any,
    options: dict[str, Any],
) -> dict[str, Any]:
    hooks = _core.as_list(hooks)
    return {
        "model": text("model", model),
        "provider": "" if provider is None else text("provider", provider),
        "optimize": truth("optimize", optimize),
        "options": chosen_options("compress", config, options),
        "manager": manager_of_call(hooks, extensions),
        "hooks": hooks,
        "on_event": function("on_event", on_event),
        "store": store,
        "session_id": text_or_none("session_id", session_id),
    }


def _warn_of_limit(result: CompressResult, model: str, model_limit: int) -> None:
    if result.tokens_after > model_limit:
        _log.warning(
            "the request has %d tokens, more than the %d that %s takes", result.tokens_after, model_limit, model
        )
