//! A run through the stages that tells what it came to.

use std::ops::{Deref, DerefMut};

use headroom_core::Error;
use headroom_core::conversation::Value;
use headroom_core::pipeline::{self, ResponseFacts};

use super::Seen;
use crate::providers::Api;

/// A [`pipeline::Run`] whose result and calls of extensions are noted wherever it ends: after its last stage, refused,
/// failed, or given up.
pub(crate) struct Run {
    inner: pipeline::Run,
    api: Api,
    seen: Seen,
}

impl Run {
    pub(crate) fn new(inner: pipeline::Run, api: Api, seen: Seen) -> Self {
        Self { inner, api, seen }
    }

    /// As [`pipeline::Run::response_received`]; notes the provider's account, too.
    pub(crate) async fn response_received(&mut self, response: Value, about: ResponseFacts) -> Result<Value, Error> {
        if about.status_code.is_some()
            && let Ok(response) = response.to_json()
        {
            if let Some(usage) = self.api.usage(&response) {
                // A kept answer cost nothing this time.
                self.seen.note(|record| record.usage = (!record.cached).then_some(usage));
            }
            self.seen.trace(|trace| trace.ending = self.api.ending(&response));
        }
        self.inner.response_received(response, about).await
    }
}

impl Deref for Run {
    type Target = pipeline::Run;

    fn deref(&self) -> &pipeline::Run {
        &self.inner
    }
}

impl DerefMut for Run {
    fn deref_mut(&mut self) -> &mut pipeline::Run {
        &mut self.inner
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.seen.result(self.inner.result(), self.inner.invocations());
    }
}
