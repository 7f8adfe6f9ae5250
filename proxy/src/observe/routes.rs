//! The routes that show what was seen.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::live;
use super::observer::Observer;
use super::page::DASHBOARD;

impl Observer {
    /// `/metrics`, `/stats`, `/stats-history`, `/dashboard` and what the page asks for beneath it. Nothing here asks who
    /// is there: guards belong before it.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/metrics", get(metrics))
            .route("/stats", get(stats))
            .route("/stats-history", get(stats_history))
            .route("/dashboard", get(dashboard))
            .route("/dashboard/events", get(events))
            .route("/dashboard/requests/{number}", get(request))
            .with_state(self.clone())
    }
}

async fn metrics(State(observer): State<Observer>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], observer.metrics()).into_response()
}

async fn stats(State(observer): State<Observer>) -> Response {
    json_response(StatusCode::OK, &observer.stats())
}

async fn stats_history(State(observer): State<Observer>) -> Response {
    json_response(StatusCode::OK, &observer.stats_history())
}

async fn dashboard() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, &DASHBOARD.policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, DASHBOARD.html.as_str()).into_response()
}

async fn events(State(observer): State<Observer>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let stream = Sse::new(live::events(observer, last)).keep_alive(KeepAlive::default());
    ([(CACHE_CONTROL, "no-store")], stream).into_response()
}

async fn request(State(observer): State<Observer>, Path(number): Path<String>) -> Response {
    // Long texts take milliseconds to compare.
    let details = tokio::task::spawn_blocking(move || observer.details(number.parse().ok()?)).await;
    match details {
        Ok(Some(details)) => json_response(StatusCode::OK, &details),
        Ok(None) => failure(StatusCode::NOT_FOUND, "not_found", "the request is not among the last ones any more"),
        Err(_) => failure(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the texts could not be compared"),
    }
}

fn failure(status: StatusCode, kind: &str, message: &str) -> Response {
    json_response(status, &json!({ "error": { "type": kind, "message": message } }))
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    let headers =
        [(CONTENT_TYPE, "application/json"), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, "no-store")];
    (status, headers, value.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::observe::{Change, ObserveOptions, RequestRecord};

    async fn answer(observer: &Observer, path: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = observer.routes().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn every_route_answers_in_its_own_type() {
        let observer = Observer::new(ObserveOptions::default());
        observer
            .record(RequestRecord { changes: vec![Change::new("p", "json", "{}\n", "")], ..RequestRecord::default() });
        for (path, kind, part) in [
            ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "# TYPE headroom_requests_total counter"),
            ("/stats", "application/json", r#""requests":1"#),
            ("/stats-history", "application/json", r#""bucket_seconds":60"#),
            ("/dashboard", "text/html; charset=utf-8", "<!doctype html>"),
            ("/dashboard/requests/1", "application/json", r#"{"kind":"removed","lines":["{}"]}"#),
        ] {
            let (status, headers, body) = answer(&observer, path).await;
            assert_eq!((status, headers[CONTENT_TYPE].as_bytes()), (StatusCode::OK, kind.as_bytes()), "{path}");
            assert!(body.contains(part), "{path}: {body}");
        }
    }

    #[tokio::test]
    async fn a_request_that_is_gone_is_not_found() {
        let observer = Observer::new(ObserveOptions::default());
        for number in ["0", "1", "-1", "x", "99999999999999999999999"] {
            let (status, _, body) = answer(&observer, &format!("/dashboard/requests/{number}")).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{number}");
            assert!(body.contains(r#""type":"not_found""#), "{body}");
        }
    }

    #[tokio::test]
    async fn the_page_may_do_nothing_but_what_it_came_with() {
        let observer = Observer::new(ObserveOptions::default());
        let (_, headers, _) = answer(&observer, "/dashboard").await;
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}
