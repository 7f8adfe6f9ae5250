//! Whether upstreams answer at all.

use futures_util::future::join_all;
use http::{HeaderMap, Method};

use super::client::{Client, Outbound, OutboundBody};
use crate::base_url::BaseUrl;
use crate::options::ProxyOptions;

/// Asks every upstream of the options for its root, without a key, and gives the status or why there is none. Any status
/// will do: the way there is open.
pub async fn reach(options: &ProxyOptions) -> Vec<(BaseUrl, Result<u16, String>)> {
    let mut options = options.clone();
    options.retries.attempts = 0;
    options.timeouts.first_byte_ms = options.timeouts.first_byte_ms.min(options.timeouts.connect_ms);
    let client = Client::new(&options);
    let upstreams = &options.upstreams;
    let all = [&upstreams.openai, &upstreams.chatgpt, &upstreams.anthropic, &upstreams.gemini];
    let asking = all.into_iter().chain(upstreams.named.values()).map(|base| ask(&client, base));
    join_all(asking).await
}

async fn ask(client: &Client, base: &BaseUrl) -> (BaseUrl, Result<u16, String>) {
    let answer = async {
        let uri = base.join("/").map_err(|error| error.to_string())?;
        let body = OutboundBody::Held(Default::default());
        let asked = Outbound { method: Method::GET, uri, headers: HeaderMap::new(), body };
        let response = client.send(asked).await.map_err(|error| error.to_string())?;
        Ok(response.status().as_u16())
    };
    (base.clone(), answer.await)
}
