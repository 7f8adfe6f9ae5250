//! The dashboard in a real browser.

mod browser;
mod observed;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::Request;
use browser::Browser;
use headroom_proxy::observe::{ObserveOptions, Observer};
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// How long a test may take before it counts as stuck.
const LIMIT: Duration = Duration::from_secs(120);

/// A browser, or none with a loud line; on a machine that checks changes it must be there.
async fn browser() -> Option<Browser> {
    let browser = Browser::start().await;
    if browser.is_none() {
        assert!(std::env::var_os("CI").is_none(), "expected Chromium on the path, found none");
        eprintln!("SKIPPED: the dashboard is not tested, for Chromium is not installed (apt-get install chromium)");
    }
    browser
}

/// Serves routes and gives the page's address.
async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/dashboard", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

fn now_ms() -> u64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(age.as_millis()).expect("a clock of this age")
}

/// The page in a browser, in a window of a size.
async fn opened(observer: &Observer, width: u32, height: u32) -> Option<Browser> {
    let mut browser = browser().await?;
    browser.resize(width, height, width < 500).await;
    browser.open(&serve(observer.routes()).await).await;
    browser
        .until("location.pathname === '/dashboard' && document.getElementById('main').dataset.state !== 'waiting'")
        .await;
    Some(browser)
}

fn with_records() -> Observer {
    let observer = Observer::new(ObserveOptions::default());
    observed::records(now_ms()).into_iter().for_each(|record| observer.record(record));
    observer
}

#[tokio::test]
async fn an_empty_page_says_how_to_point_a_client_at_it() {
    tokio::time::timeout(LIMIT, async {
        let observer = Observer::new(ObserveOptions::default());
        let Some(mut browser) = opened(&observer, 1280, 800).await else { return };
        let text = browser.value("document.body.innerText").await;
        let origin = browser.value("location.origin").await;
        let hint = format!("OPENAI_BASE_URL={}/v1", origin.as_str().expect("text"));
        assert!(text.as_str().is_some_and(|text| text.contains(&hint)), "{text}");
        browser.picture("empty.png").await;
        browser.prefer("prefers-color-scheme", "dark").await;
        browser.resize(375, 812, true).await;
        assert_eq!(browser.value("document.documentElement.scrollWidth").await, 375);
        browser.picture("empty-phone-dark.png").await;

        // The first request appears without a reload.
        observer.record(observed::records(now_ms()).remove(1));
        browser.until("document.querySelectorAll('.request').length === 1").await;
        browser.until("document.getElementById('main').dataset.state === 'full'").await;
        assert_eq!(browser.complaints, [""; 0]);
    })
    .await
    .expect("in time");
}

#[tokio::test]
async fn shows_totals_requests_and_what_was_removed_and_makes_no_markup_of_names() {
    tokio::time::timeout(LIMIT, async {
        let observer = with_records();
        let Some(mut browser) = opened(&observer, 1280, 1700).await else { return };
        browser.until("document.querySelectorAll('.request').length === 100").await;
        let totals = &observer.stats()["totals"];
        assert_eq!(browser.value("document.getElementById('count').textContent").await, "200");
        let money = format!("${:.2}", totals["removed_list_price_usd"].as_f64().expect("a number"));
        let shown = browser.value("document.getElementById('money').textContent").await;
        assert!(shown.as_str().is_some_and(|shown| shown.starts_with(&money)), "expected {money}, found {shown}");
        assert_eq!(browser.value("document.getElementById('steps').rows.length").await, 7);
        assert_eq!(browser.value("document.querySelectorAll('.extension').length").await, 3);
        assert!(browser.value("document.querySelectorAll('#chart .sent').length").await.as_u64() > Some(30));

        // The newest request has a hostile name and a hostile text.
        let name = browser.value("document.querySelector('.request .model').textContent").await;
        assert_eq!(name, observed::HOSTILE);
        browser.picture("light.png").await;
        browser.value("document.querySelector('.request summary').focus()").await;
        browser.press("Enter", 13).await;
        browser.until("document.querySelectorAll('.request[open] .run').length > 4").await;
        let removed = browser.value("document.querySelector('.run.removed summary').textContent").await;
        assert_eq!(removed, "165 more lines removed");
        let marker = browser.value("document.querySelector('.run.marker').textContent").await;
        assert!(marker.as_str().is_some_and(|marker| marker.starts_with("[7/180 lines shown; ")), "{marker}");
        let markup = "document.querySelectorAll('img, main script, main b, main i:not(.bar > i), iframe').length";
        assert_eq!(browser.value(markup).await, 0);
        assert_eq!(browser.value("document.title").await, "Headroom");
        let text = browser.value("document.querySelector('.request[open]').textContent").await;
        assert!(text.as_str().is_some_and(|text| text.contains("</script><img src=x onerror=alert(1)>")));
        browser.value("document.querySelector('#requests').scrollIntoView()").await;
        browser.picture("open.png").await;
        assert_eq!(browser.complaints, [""; 0]);
    })
    .await
    .expect("in time");
}

#[tokio::test]
async fn is_readable_on_a_phone_and_in_the_dark() {
    tokio::time::timeout(LIMIT, async {
        let observer = with_records();
        let Some(mut browser) = opened(&observer, 375, 812).await else { return };
        browser.until("document.querySelectorAll('.request').length === 100").await;
        browser.value("document.querySelector('.request').open = true").await;
        browser.until("document.querySelectorAll('.request[open] .run').length > 4").await;
        assert_eq!(browser.value("document.documentElement.scrollWidth").await, 375);
        let small = "[...document.querySelectorAll('main *')].filter((place) => place.innerText && \
                     parseFloat(getComputedStyle(place).fontSize) < 11).length";
        assert_eq!(browser.value(small).await, 0);
        browser.picture("phone.png").await;
        browser.value("document.querySelector('#requests').scrollIntoView()").await;
        browser.picture("phone-open.png").await;
        browser.prefer("prefers-color-scheme", "dark").await;
        browser.picture("phone-open-dark.png").await;
        browser.resize(1280, 1700, false).await;
        browser.value("scrollTo(0, 0)").await;
        browser.picture("dark.png").await;
        let dark = browser.value("getComputedStyle(document.body).backgroundColor").await;
        assert_eq!(dark, "rgb(16, 21, 19)");
        browser.prefer("prefers-reduced-motion", "reduce").await;
        let made = "(() => { const made = document.querySelector('.request'); made.classList.add('new'); \
                    return getComputedStyle(made.querySelector('summary')).animationName; })()";
        assert_eq!(browser.value(made).await, "none");
    })
    .await
    .expect("in time");
}

#[tokio::test]
async fn everything_can_be_reached_with_the_keyboard() {
    tokio::time::timeout(LIMIT, async {
        let observer = with_records();
        let Some(mut browser) = opened(&observer, 1280, 900).await else { return };
        browser.until("document.querySelectorAll('.request').length === 100").await;
        let mut reached = Vec::new();
        for _ in 0..5 {
            browser.press("Tab", 9).await;
            let place = "(() => { const at = document.activeElement; const style = getComputedStyle(at); \
                         return [at.id || at.name || at.className, style.outlineStyle !== 'none' || at.name === 'range']; })()";
            reached.push(browser.value(place).await);
        }
        let expected = ["skip", "pause", "range", "chart", "row"].map(|name| json!([name, true]));
        assert_eq!(reached, expected);
        browser.value("document.getElementById('chart').focus()").await;
        browser.press("End", 35).await;
        let readout = browser.value("document.getElementById('readout').textContent").await;
        assert!(readout.as_str().is_some_and(|readout| readout.contains("request")), "{readout}");
    })
    .await
    .expect("in time");
}

#[tokio::test]
async fn comes_back_when_the_stream_drops_and_forgets_the_requests_of_another_proxy() {
    tokio::time::timeout(LIMIT, async {
        let Some(mut browser) = browser().await else { return };
        let first = with_records();
        // The same address, now of one proxy and then of another.
        let current = Arc::new(Mutex::new(first.clone()));
        let observers = Arc::clone(&current);
        let routes = Router::new().fallback(move |request: Request| {
            let observer = observers.lock().expect("no thread died").clone();
            observer.routes().oneshot(request)
        });
        browser.open(&serve(routes).await).await;
        browser.until("document.querySelectorAll('.request').length === 100").await;
        let states = "window.states = []; new MutationObserver(() => \
                      states.push(document.getElementById('connection').dataset.state))\
                      .observe(document.getElementById('connection'), { attributes: true }); 0";
        browser.value(states).await;
        let second = Observer::new(ObserveOptions::default());
        observed::records(now_ms()).into_iter().take(3).for_each(|record| second.record(record));
        *current.lock().expect("no thread died") = second;
        first.close();
        browser.until("states.includes('lost') && states.at(-1) === 'live'").await;
        browser.until("document.querySelectorAll('.request').length === 3").await;
    })
    .await
    .expect("in time");
}
