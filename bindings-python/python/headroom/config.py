"""Options of a compression; their defaults are the engine's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Literal

from . import _core
from .exceptions import ConfigurationError

__all__ = ["CompressConfig", "HeadroomMode"]

_DEFAULTS: dict[str, Any] = _core.default_options()


class _DefaultMode(str):
    """The default mode, told apart from the same mode when a caller sets it."""

    def __reduce__(self) -> str:
        return "_DEFAULT_MODE"


_DEFAULT_MODE: Any = _DefaultMode(_DEFAULTS["mode"])


class HeadroomMode(str, Enum):
    """What a wrapped client does with a request."""

    AUDIT = "audit"
    """Count tokens and send the request as it is."""
    OPTIMIZE = "optimize"
    """Compress."""
    SIMULATE = "simulate"
    """Compress, tell what it came to, and send nothing."""


@dataclass
class CompressConfig:
    """What a caller may set for one compression. It is never changed."""

    mode: Literal["lossless", "balanced", "aggressive"] = _DEFAULT_MODE
    """How far compression goes."""
    compress_user_messages: bool = _DEFAULTS["compress_user_messages"]
    """Whether user text may be compressed as tool results are."""
    protect_recent: int = _DEFAULTS["protect_recent"]
    """How many of the last messages stay untouched. Above 0 prefixes are no longer stable."""
    protect_analysis_context: bool = _DEFAULTS["protect_analysis_context"]
    """Whether code and diffs since the last user message stay whole when that message asks for an analysis."""
    target_ratio: float | None = _DEFAULTS["target_ratio"]
    """The share of tokens to keep, above 0.0 and at most 1.0, met like a token budget."""
    token_budget: int | None = _DEFAULTS["token_budget"]
    """Tokens that the request may cost at most."""
    min_tokens_to_compress: int = _DEFAULTS["min_tokens_to_compress"]
    """Blocks with fewer tokens are left alone."""
    exclude_tools: Sequence[str] = tuple(_DEFAULTS["exclude_tools"])
    """Globs of tool names whose results are left alone."""
    frozen_message_count: int = _DEFAULTS["frozen_message_count"]
    """Messages at the start that the caller froze; they are left alone."""
    savings_profile: Literal["balanced", "agent-90"] | None = None
    """A name for a mode: ``balanced``, or ``agent-90`` for aggressive. A ``mode`` that is set wins, even when it is
    the default one and whichever of them is a keyword."""


_FIELDS = {field.name: field.default for field in fields(CompressConfig)}


def chosen_options(function: str, config: CompressConfig | None, options: dict[str, Any]) -> dict[str, Any] | None:
    """What a caller set that is not the default: keywords before the config."""
    for name in options:
        if name not in _FIELDS:
            known = ", ".join(_FIELDS)
            raise ConfigurationError(
                f"{function}() got an unknown option {name!r}; known: {known}", {"option": name}, "configuration"
            )
    if config is None:
        return options or None
    if not isinstance(config, CompressConfig):
        found = type(config).__name__
        raise ConfigurationError(f"config: expected a CompressConfig, found {found}", {}, "configuration")
    set_in_config = {name: getattr(config, name) for name, default in _FIELDS.items()}
    chosen = {name: value for name, value in set_in_config.items() if _is_set(name, value)}
    return {**chosen, **options}


def _is_set(name: str, value: Any) -> bool:
    return value is not _DEFAULT_MODE if name == "mode" else value != _FIELDS[name]
