//! Answers that are given again: to the same request, with the same credentials, for the same upstream.
//!
//! Only what a provider answered with 200 and the model ended is kept, as the bytes that came; see [`Recorder`]. Everything is
//! in memory, bounded in bytes and age, and gone with the process.

mod kept;
mod key;
mod recorder;

use std::sync::Arc;
use std::time::Duration;

use headroom_core::pipeline::{PipelineExtensionManager, PipelineStage};
use quick_cache::{OptionsBuilder, Weighter};
use serde_json::{Value, json};

use crate::options::ProxyOptions;

pub(crate) use kept::Kept;
pub(crate) use key::{Asked, Key};
pub(crate) use recorder::Recorder;

/// The stages that a hit skips.
const SKIPPED: [PipelineStage; 5] = [
    PipelineStage::InputRouted,
    PipelineStage::InputCompressed,
    PipelineStage::InputRemembered,
    PipelineStage::PreSend,
    PipelineStage::PostSend,
];

/// What an answer costs beside its bytes, about.
const ENTRY_BYTES: u64 = 256;

/// An answer may take this part of the room.
///
/// # Sources
/// Chosen by hand, so that one answer does not drive out all others.
const LARGEST_PART: usize = 4;

/// The response cache of a proxy.
pub(crate) struct ResponseCache {
    kept: Option<quick_cache::sync::Cache<Key, Arc<Kept>, Weight>>,
    ttl: Duration,
    answer_bytes: usize,
    /// Why it is off although it was asked for.
    off_because: Option<String>,
}

impl ResponseCache {
    /// A cache as the options say. With an extension that must be asked before anything is sent it stays off: a hit would go
    /// around it.
    pub(crate) fn new(options: &ProxyOptions, extensions: &PipelineExtensionManager) -> Self {
        let guard = SKIPPED.iter().find_map(|stage| Some((extensions.closed_at(*stage)?, stage)));
        let off_because = guard.filter(|_| options.response_cache).map(|(extension, stage)| {
            format!("extension {extension} is closed at {stage}, which a kept answer would skip")
        });
        if let Some(reason) = &off_because {
            log::warn!(target: "headroom.proxy", "the response cache is off: {reason}");
        }
        let is_on = options.response_cache && off_because.is_none();
        Self {
            kept: is_on.then(|| room(options.cache_bytes)),
            ttl: Duration::from_millis(options.cache_ttl_ms),
            answer_bytes: (options.cache_bytes / LARGEST_PART).min(options.limits.response_bytes),
            off_because,
        }
    }

    /// Whether answers are kept.
    pub(crate) fn is_on(&self) -> bool {
        self.kept.is_some()
    }

    /// The answer of a request that was made before, unless it is too old.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Kept>> {
        let kept = self.kept.as_ref()?;
        let found = kept.get(key)?;
        if found.at.elapsed() <= self.ttl {
            return Some(found);
        }
        kept.remove(key);
        None
    }

    /// What `/stats` says of it.
    pub(crate) fn state(&self) -> Value {
        json!({ "enabled": self.is_on(), "off_because": self.off_because })
    }

    fn keep(&self, key: Key, answer: Kept) {
        if let Some(kept) = &self.kept {
            kept.insert(key, Arc::new(answer));
        }
    }
}

/// Room for answers. In one piece, so that a large answer finds as much of it as there is.
fn room(bytes: usize) -> quick_cache::sync::Cache<Key, Arc<Kept>, Weight> {
    /// Answers that are expected; more or fewer are no error.
    const ANSWERS: usize = 1024;
    let options = OptionsBuilder::new()
        .shards(1)
        .weight_capacity(bytes as u64)
        .estimated_items_capacity(ANSWERS)
        .build()
        .expect("all that has no default is set");
    quick_cache::sync::Cache::with_options(
        options,
        Weight,
        quick_cache::DefaultHashBuilder::default(),
        quick_cache::sync::DefaultLifecycle::default(),
    )
}

/// Weighs answers in bytes.
#[derive(Clone)]
struct Weight;

impl Weighter<Key, Arc<Kept>> for Weight {
    fn weight(&self, _: &Key, answer: &Arc<Kept>) -> u64 {
        answer.bytes.len() as u64 + ENTRY_BYTES
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn cache(bytes: usize) -> ResponseCache {
        let options = ProxyOptions { response_cache: true, cache_bytes: bytes, ..ProxyOptions::default() };
        ResponseCache::new(&options, &PipelineExtensionManager::default())
    }

    fn answer(bytes: usize) -> Kept {
        Kept { content_type: None, framing: None, bytes: vec![b' '; bytes].into(), at: Instant::now() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_there_until_it_is_too_old() {
        let cache = cache(1 << 20);
        cache.keep(Key([1; 32]), answer(10));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(cache.get(&Key([1; 32])).is_some() && cache.get(&Key([2; 32])).is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(cache.get(&Key([1; 32])).is_none());
    }

    #[tokio::test]
    async fn answers_never_take_more_than_their_room() {
        let cache = cache(100_000);
        for index in 0..=255 {
            cache.keep(Key([index; 32]), answer(1000 * usize::from(index % 25)));
            assert!(cache.kept.as_ref().unwrap().weight() <= 100_000);
        }
        assert!(cache.kept.as_ref().unwrap().len() > 3);
    }

    #[tokio::test]
    async fn it_is_off_unless_it_is_asked_for() {
        let cache = ResponseCache::new(&ProxyOptions::default(), &PipelineExtensionManager::default());
        cache.keep(Key([1; 32]), answer(1));
        assert!(!cache.is_on() && cache.get(&Key([1; 32])).is_none());
        assert_eq!(cache.state(), json!({"enabled": false, "off_because": null}));
    }
}
