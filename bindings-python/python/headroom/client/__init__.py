"""``HeadroomClient``: an OpenAI or Anthropic client whose requests go through the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .._compress import OnEvent
from ..config import CompressConfig, HeadroomMode, chosen_options
from ..exceptions import ConfigurationError, ProviderError
from ..pipeline import PipelineExtensionManager, PipelineStage
from ._apis import CHAT, MESSAGES, RESPONSES
from ._request import Settings
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
        self._original = original_client
        self._provider = _provider_of(original_client, provider)
        self._settings = Settings(
            provider=self._provider,
            store=store_url,
            mode=_mode(default_mode),
            limits=dict(model_context_limits or {}),
            options=chosen_options("HeadroomClient", config, {}),
            hooks=hooks,
            manager=PipelineExtensionManager(hooks=hooks, extensions=extensions, discover=discover),
            on_event=on_event,
            session_id=session_id,
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
        kind = AsyncResource if type(original).__name__.startswith("Async") else Resource
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
    found = provider
    if found is None:
        package = type(client).__module__.partition(".")[0]
        found = package if package in ("openai", "anthropic") else None
    if found is None and hasattr(client, "chat"):
        found = "openai"
    if found is None and hasattr(client, "messages"):
        found = "anthropic"
    if found not in ("openai", "anthropic"):
        described = repr(found) if found is not None else f"a client of type {type(client).__name__}"
        raise ProviderError(f"provider: expected openai or anthropic, found {described}", {}, "provider")
    return found


def _mode(mode: HeadroomMode | str) -> HeadroomMode:
    try:
        return HeadroomMode(mode)
    except ValueError:
        known = ", ".join(known.value for known in HeadroomMode)
        raise ConfigurationError(f"mode: expected one of {known}, found {mode!r}", {}, "configuration") from None
