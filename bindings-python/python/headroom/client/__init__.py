"""``HeadroomClient``: an OpenAI or Anthropic client whose requests go through the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .. import _core
from .._arguments import function, number, text_or_none, wrong
from .._compress import OnEvent
from ..config import CompressConfig, HeadroomMode, chosen_options
from ..exceptions import ProviderError
from ..pipeline import PipelineExtensionManager, PipelineStage
from ._apis import CHAT, MESSAGES, RESPONSES
from ._package import origin_of
from ._request import Settings, mode_of
from ._resources import AsyncResource, Namespace, Resource

__all__ = ["HeadroomClient"]


class HeadroomClient:
    """Wraps a client of the ``openai`` or ``anthropic`` package, blocking or async.

    ``chat.completions.create/.stream/.simulate``, ``responses.create/.stream`` and
    ``messages.create/.stream/.simulate`` go through the pipeline; everything else is the wrapped client's own.

    Args:
        original_client: ``openai.OpenAI``, ``openai.AsyncOpenAI``, ``anthropic.Anthropic`` or
            ``anthropic.AsyncAnthropic``.
        provider: ``openai`` or ``anthropic``; by default told from the client.
        store_url: Where originals go, as ``store`` of ``compress``.
        default_mode: ``audit``, ``optimize`` or ``simulate``; ``headroom_mode`` of a call goes before it.
        model_context_limits: Tokens that models take, by name; more only gives a warning.
        config: Options of the compression.
        hooks: One object or a list, as for ``compress``.
        extensions: One object or a list with ``on_pipeline_event``.
        on_event: Is called with the name and the data of each progress event.
        discover: Whether extensions that installed packages offer take part.
        session_id: Is in the metadata of every event of this client.
    """

    chat: Any
    responses: Any
    messages: Any

    def __init__(
        self,
        original_client: Any,
        provider: str | None = None,
        store_url: Any = None,
        default_mode: HeadroomMode | str = HeadroomMode.OPTIMIZE,
        model_context_limits: Mapping[str, int] | None = None,
        config: CompressConfig | None = None,
        *,
        hooks: Any = None,
        extensions: Any = None,
        on_event: OnEvent | None = None,
        discover: bool = True,
        session_id: str | None = None,
    ) -> None:
        hooks = _core.as_list(hooks)
        chosen = chosen_options("HeadroomClient", config, {})
        _core.check_options(chosen)
        _core.check_store(store_url)
        self._original = original_client
        self._provider = _provider_of(original_client, provider)
        self._settings = Settings(
            provider=self._provider,
            store=store_url,
            mode=mode_of("default_mode", default_mode),
            limits=_limits(model_context_limits),
            options=chosen,
            hooks=hooks,
            manager=PipelineExtensionManager(hooks=hooks, extensions=extensions, discover=discover),
            on_event=function("on_event", on_event),
            session_id=text_or_none("session_id", session_id),
        )
        self._wrap()
        options = asdict(config or CompressConfig())
        self._settings.manager.emit(
            PipelineStage.SETUP,
            operation="sdk.request",
            provider=self._provider,
            metadata={"options": options, "mode": self._settings.mode.value},
        )

    def _wrap(self) -> None:
        original = self._original
        kind = AsyncResource if origin_of(original).is_async else Resource
        if self._provider == "openai":
            completions = kind(original.chat.completions, CHAT, original, self._settings)
            self.chat = Namespace(original.chat, completions=completions)
            if hasattr(original, "responses"):
                self.responses = kind(original.responses, RESPONSES, original, self._settings)
        else:
            self.messages = kind(original.messages, MESSAGES, original, self._settings)

    def _around(self, original: Any) -> HeadroomClient:
        """This client around another one; its extensions and their state are shared."""
        other = object.__new__(type(self))
        other._original, other._provider, other._settings = original, self._provider, self._settings
        other._wrap()
        return other

    def with_options(self, **options: Any) -> HeadroomClient:
        """The wrapped client's ``with_options``, wrapped again."""
        return self._around(self._original.with_options(**options))

    def copy(self, **options: Any) -> HeadroomClient:
        """The wrapped client's ``copy``, wrapped again."""
        return self._around(self._original.copy(**options))

    def __getattr__(self, name: str) -> Any:
        if name == "_original":  # A copy that is being made has none yet.
            raise AttributeError(name)
        return getattr(self._original, name)

    def __enter__(self) -> HeadroomClient:
        self._original.__enter__()
        return self

    def __exit__(self, *exception: Any) -> Any:
        return self._original.__exit__(*exception)

    async def __aenter__(self) -> HeadroomClient:
        await self._original.__aenter__()
        return self

    async def __aexit__(self, *exception: Any) -> Any:
        return await self._original.__aexit__(*exception)

    def __repr__(self) -> str:
        return f"HeadroomClient({self._original!r})"


def _provider_of(client: Any, provider: str | None) -> str:
    if isinstance(client, type):
        raise ProviderError(f"original_client: expected a client, found the class {client.__name__}", {}, "provider")
    described = f"a client of type {type(client).__name__}"
    package = origin_of(client).package
    found = provider if provider is not None else package
    if found is None and hasattr(client, "chat"):
        found = "openai"
    if found is None and hasattr(client, "messages"):
        found = "anthropic"
    if found not in ("openai", "anthropic"):
        shown = repr(found) if found is not None else described
        raise ProviderError(f"provider: expected openai or anthropic, found {shown}", {}, "provider")
    resource = "chat" if found == "openai" else "messages"
    if package not in (None, found) or not hasattr(client, resource):
        expected = package or f"the provider of a client with {resource}"
        raise ProviderError(f"provider: expected {expected}, found {found!r} for {described}", {}, "provider")
    return found


def _limits(limits: Mapping[str, int] | None) -> dict[str, int]:
    if limits is not None and not isinstance(limits, Mapping):
        raise wrong("model_context_limits", "a mapping of models to tokens", limits)
    return {model: number(f"model_context_limits[{model!r}]", limit) for model, limit in (limits or {}).items()}
