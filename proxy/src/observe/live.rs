//! `/dashboard/events`: what is new, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::Stream;
use futures_util::stream;
use serde_json::{Value, json};

use super::observer::Observer;

/// How many rows one event brings at most.
const ROWS: usize = 100;

/// How long the page is left alone after an event, however many requests come.
///
/// # Sources
/// Chosen by hand: a person sees no difference, and a busy proxy writes four events a second.
const PAUSE: Duration = Duration::from_millis(250);

/// How long a page waits before it asks again when its stream broke.
const RETRY: Duration = Duration::from_secs(1);

/// Where a page is.
#[derive(Clone, Copy)]
enum Place {
    /// It has heard nothing.
    Hello,
    /// It has the rows up to a number.
    After(u64),
}

/// Says hello, then brings the rows of new requests until the observer is closed.
///
/// `last_event_id` is what a page that lost its stream sends; it goes on where it was, unless the proxy was started anew.
pub(super) fn events(
    observer: Observer,
    last_event_id: Option<&str>,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let resumed = last_event_id.and_then(|id| {
        let (started, number) = id.split_once('-')?;
        (started.parse() == Ok(observer.started_ms())).then(|| number.parse().ok())?
    });
    let start = (observer, resumed.unwrap_or(0), Place::Hello);
    stream::unfold(start, |(observer, resumed, place)| async move {
        let seen = match place {
            Place::Hello => {
                let hello = json!({
                    "version": env!("CARGO_PKG_VERSION"),
                    "started_ms": observer.started_ms(),
                    "resumed": resumed > 0,
                });
                return Some((Ok(event("hello", &hello).retry(RETRY)), (observer, resumed, Place::After(resumed))));
            }
            Place::After(number) => number,
        };
        let mut newest = observer.newest();
        let more = async {
            let waited = *newest.borrow() <= seen;
            // The sender lives in the observer, so this cannot fail.
            newest.wait_for(|newest| *newest > seen).await.ok()?;
            if waited || seen > resumed {
                tokio::time::sleep(PAUSE).await;
            }
            Some(())
        };
        tokio::select! {
            () = observer.closed().cancelled() => return None,
            more = more => more?,
        }
        let (rows, missing, newest) = observer.rows_after(seen, ROWS);
        let id = format!("{}-{newest}", observer.started_ms());
        let event = event("requests", &json!({ "rows": rows, "missing": missing })).id(id);
        Some((Ok(event), (observer, resumed, Place::After(newest))))
    })
}

/// An event of JSON in one line.
fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::response::{IntoResponse, Sse};
    use futures_util::StreamExt;
    use http_body_util::BodyExt;

    use super::*;
    use crate::observe::{ObserveOptions, RequestRecord};

    fn body(observer: &Observer, id: Option<&str>) -> axum::body::Body {
        Sse::new(events(observer.clone(), id)).into_response().into_body()
    }

    async fn next(body: &mut axum::body::Body) -> String {
        let frame = body.frame().await.expect("another event").expect("no error");
        String::from_utf8(frame.into_data().unwrap_or(Bytes::new()).to_vec()).expect("text")
    }

    fn observer(requests: usize) -> Observer {
        let observer = Observer::new(ObserveOptions::default());
        (0..requests).for_each(|_| observer.record(RequestRecord::default()));
        observer
    }

    #[tokio::test(start_paused = true)]
    async fn says_hello_then_what_there_is_then_what_is_new() {
        let observer = observer(2);
        let mut body = body(&observer, None);
        assert!(next(&mut body).await.starts_with("event: hello\n"));
        let rows = next(&mut body).await;
        assert!(rows.contains(r#""number":1"#) && rows.contains(r#""number":2"#), "{rows}");
        observer.record(RequestRecord { model: "a\r\nb\n\ndata: x".to_owned(), ..RequestRecord::default() });
        observer.record(RequestRecord::default());
        let rows = next(&mut body).await;
        assert!(rows.contains(r#""number":3"#) && rows.contains(r#""number":4"#), "{rows}");
        assert_eq!(rows.lines().filter(|line| line.starts_with("data:")).count(), 1, "{rows}");
    }

    #[tokio::test(start_paused = true)]
    async fn goes_on_where_a_page_was_unless_the_proxy_is_another() {
        let observer = observer(3);
        let mut resumed = body(&observer, Some(&format!("{}-2", observer.started_ms())));
        assert!(next(&mut resumed).await.contains(r#""resumed":true"#));
        let rows = next(&mut resumed).await;
        assert!(!rows.contains(r#""number":2"#) && rows.contains(r#""number":3"#), "{rows}");
        for id in ["1-2", "", "-", "x-y", "99999999999999999999999-1"] {
            let mut anew = body(&observer, Some(id));
            assert!(next(&mut anew).await.contains(r#""resumed":false"#), "{id}");
            assert!(next(&mut anew).await.contains(r#""number":1"#), "{id}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ends_when_the_proxy_goes_down() {
        let observer = observer(1);
        let events = events(observer.clone(), None);
        observer.close();
        assert!(events.count().await <= 2);
    }
}
