//! The dashboard with a day's requests in it: `cargo run -p headroom-proxy --example dashboard [-- --empty]`, then open the
//! address it prints.

#[path = "../tests/observed/mod.rs"]
mod observed;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headroom_proxy::observe::{ObserveOptions, Observer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let observer = Observer::new(ObserveOptions::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8788").await?;
    println!("http://{}/dashboard", listener.local_addr()?);
    if !std::env::args().any(|argument| argument == "--empty") {
        let now_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        let records = observed::records(now_ms);
        records.iter().for_each(|record| observer.record(record.clone()));
        let live = observer.clone();
        tokio::spawn(async move {
            for (second, mut record) in records.into_iter().cycle().enumerate() {
                tokio::time::sleep(Duration::from_secs(3)).await;
                record.time_ms = now_ms + 3000 * (second as u64 + 1);
                live.record(record);
            }
        });
    }
    axum::serve(listener, observer.routes()).await?;
    Ok(())
}
