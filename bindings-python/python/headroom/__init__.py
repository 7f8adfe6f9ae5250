"""Headroom: the context layer between an application and a large language model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import _core
from ._compress import acompress, compress
from ._core import CompressResult, __version__
from ._retrieval import answer_tool_call, retrieve, retrieve_tool
from .config import CompressConfig, HeadroomMode
from .exceptions import (
    CacheError,
    CompressionError,
    ConfigurationError,
    ExtensionError,
    HeadroomError,
    ProviderError,
    StorageError,
    TokenizationError,
    TransformError,
    ValidationError,
)
from .hooks import CompressContext, CompressEvent, CompressionHooks
from .pipeline import CANONICAL_PIPELINE_STAGES, PipelineEvent, PipelineExtensionManager, PipelineStage

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_core.after_fork)

if TYPE_CHECKING:
    from ._proxy import Proxy, start_proxy
    from .client import HeadroomClient
    from .shared_context import SharedContext

__all__ = [
    "CANONICAL_PIPELINE_STAGES",
    "CacheError",
    "CompressConfig",
    "CompressContext",
    "CompressEvent",
    "CompressResult",
    "CompressionError",
    "CompressionHooks",
    "ConfigurationError",
    "ExtensionError",
    "HeadroomClient",
    "HeadroomError",
    "HeadroomMode",
    "PipelineEvent",
    "PipelineExtensionManager",
    "PipelineStage",
    "ProviderError",
    "Proxy",
    "SharedContext",
    "StorageError",
    "TokenizationError",
    "TransformError",
    "ValidationError",
    "__version__",
    "acompress",
    "answer_tool_call",
    "compress",
    "retrieve",
    "retrieve_tool",
    "start_proxy",
]


if not TYPE_CHECKING:  # Type checkers shall tell which names there are not.

    def __getattr__(name: str) -> Any:
        """Imports on first use what most programs do without."""
        if name == "HeadroomClient":
            from .client import HeadroomClient

            return HeadroomClient
        if name == "SharedContext":
            from .shared_context import SharedContext

            return SharedContext
        if name in ("Proxy", "start_proxy"):
            from . import _proxy

            return getattr(_proxy, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
