//! Seeing what the proxy does: one record a request, counted, kept for a while, and shown.
//!
//! [`Observer::record`] takes a [`RequestRecord`] when a request is over; [`Observer::routes`] shows what came of them:
//!
//! | Route | What it gives |
//! |---|---|
//! | `/metrics` | Prometheus text; names and units: [`METRICS`] |
//! | `/stats` | totals since the start, by provider, model and project; savings, latency by step, extensions |
//! | `/stats-history` | the same totals by minute and by hour |
//! | `/dashboard` | one page that shows all of it, live, with what was removed from each request |
//!
//! Traces go to a collector when the options name one.
//!
//! The routes ask for no credentials: who mounts them puts guards before them.

mod bounded;
mod difference;
mod history;
mod latency;
mod live;
pub mod logging;
mod metrics;
mod observer;
mod page;
mod prices;
mod recent;
mod record;
mod routes;
mod statistics;
mod totals;
mod traces;

pub use metrics::{METRICS, Metric, MetricKind};
pub use observer::{ObserveOptions, Observer};
pub use prices::{PRICES_AS_OF, PRICES_SOURCE, PriceError, PriceTable};
pub use record::{CHANGE_TEXT_BYTES, Change, RequestRecord, Transport};
pub use traces::Trace;
pub(crate) use traces::{Traces, Upstream};
