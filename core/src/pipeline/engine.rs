//! The engine: what lives as long as the process.

use std::sync::{Arc, OnceLock};

use super::call::{Call, CompressResult};
use super::decision::{DecisionCache, decision_cache};
use super::run::Run;
use super::{PipelineEvent, PipelineExtensionManager, PipelineStage};
use crate::ccr::Store;
use crate::error::Result;
use crate::options::Mode;
use crate::tokens::CountCache;
use crate::transform::Transform;
use crate::transforms;

/// Opens the store that originals go to; called at most once, when the first original needs it.
pub type OpenStore = Box<dyn Fn() -> Result<Arc<dyn Store>> + Send + Sync>;

/// Compresses conversations. Cloning is a reference count; share one between threads.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    open_store: OpenStore,
    store: OnceLock<Arc<dyn Store>>,
    transforms: Vec<Box<dyn Transform>>,
    counts: CountCache,
    decisions: DecisionCache,
}

impl Engine {
    /// An engine whose originals go to a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::with_lazy_store(Box::new(move || Ok(Arc::clone(&store))))
    }

    /// An engine that opens its store when the first original needs it.
    #[must_use]
    pub fn with_lazy_store(open_store: OpenStore) -> Self {
        Self(Arc::new(Inner {
            open_store,
            store: OnceLock::new(),
            transforms: transforms::all(),
            counts: CountCache::default(),
            decisions: decision_cache(),
        }))
    }

    /// Compresses once. A failure inside gives the caller's data back with `compressed` false and `report.error` set.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) for an option out of range;
    /// [`Extension`](crate::ErrorKind::Extension) when a `closed` extension refuses.
    ///
    /// # Examples
    /// ```
    /// use headroom_core::{Call, Engine, JsonBody, ccr::MemoryStore};
    /// use std::sync::Arc;
    ///
    /// let engine = Engine::new(Arc::new(MemoryStore::default()));
    /// let body = JsonBody::parse(r#"[{"role":"user","content":"hello"}]"#)?;
    /// let result = engine.compress_blocking(Call::new(body, "gpt-4o"))?;
    /// assert_eq!(result.tokens_before, 1);
    /// assert!(!result.compressed);
    /// # Ok::<(), headroom_core::Error>(())
    /// ```
    pub async fn compress(&self, call: Call) -> Result<CompressResult> {
        self.begin(call)?.run_to_end().await
    }

    /// [`Engine::compress`] for callers without a runtime: runs on this thread.
    ///
    /// # Errors
    /// As [`Engine::compress`].
    pub fn compress_blocking(&self, call: Call) -> Result<CompressResult> {
        futures_lite::future::block_on(self.compress(call))
    }

    /// Begins a request that goes through the stages one by one, as wrapped clients and proxies do.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) for an option out of range.
    pub fn begin(&self, call: Call) -> Result<Run> {
        call.options.validate()?;
        Ok(Run::new(self.clone(), call))
    }

    /// `pre_start`, opens the store, `post_start`: for hosts that make a client. Does nothing when no extension takes part,
    /// so that a store nobody asks for stays closed. A store that does not open is a warning; requests try again.
    ///
    /// # Errors
    /// [`Extension`](crate::ErrorKind::Extension) when a `closed` extension refuses.
    pub async fn start(&self, extensions: &PipelineExtensionManager, operation: &str) -> Result<()> {
        let [before, after] = [PipelineStage::PreStart, PipelineStage::PostStart];
        if !extensions.subscribes(before) && !extensions.subscribes(after) {
            return Ok(());
        }
        let event = |stage, stores: &[&str]| {
            let mut event = PipelineEvent::new(stage, operation);
            event.metadata.set_json("stores", stores);
            event
        };
        extensions.emit(event(before, &[])).await?;
        let store =
            self.store().inspect_err(|error| log::warn!(target: "headroom", "the store is not open yet: {error}"));
        let kinds = store.as_ref().map_or(Vec::new(), |store| vec![store.kind()]);
        extensions.emit(event(after, &kinds)).await?;
        Ok(())
    }

    /// The store, opened when it is not yet.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) when it cannot be opened; the next call tries again.
    pub fn store(&self) -> Result<Arc<dyn Store>> {
        if let Some(store) = self.0.store.get() {
            return Ok(Arc::clone(store));
        }
        let store = (self.0.open_store)()?;
        Ok(Arc::clone(self.0.store.get_or_init(|| store)))
    }

    /// The store of a call, if it opens. Not opened for a call that leaves nothing out and needs none.
    pub(super) fn store_of(&self, call: &Call) -> Option<Arc<dyn Store>> {
        let open = || if call.options.mode == Mode::Lossless { None } else { self.store().ok() };
        call.store.clone().or_else(|| self.0.store.get().cloned()).or_else(open)
    }

    pub(super) fn transforms(&self) -> &[Box<dyn Transform>] {
        &self.0.transforms
    }

    pub(super) fn counts(&self) -> &CountCache {
        &self.0.counts
    }

    pub(super) fn decisions(&self) -> &DecisionCache {
        &self.0.decisions
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.transforms().iter().map(|transform| transform.name()).collect();
        f.debug_struct("Engine").field("transforms", &names).finish_non_exhaustive()
    }
}
