"""Headroom: the context layer between an application and a large language model."""

from __future__ import annotations

from ._core import __version__
from .pipeline import CANONICAL_PIPELINE_STAGES, PipelineEvent, PipelineExtensionManager, PipelineStage
