//! The providers' side: which upstream, how it is reached, what is tried again.

mod client;
mod connect;
mod reach;
mod retry;

use std::collections::BTreeMap;

use http::HeaderMap;

use crate::base_url::BaseUrl;
use crate::error::ProxyError;
use crate::headers;
use crate::options;
use crate::providers::Provider;

pub(crate) use client::{Client, Outbound, OutboundBody};
pub use reach::reach;

/// The table of upstreams.
#[derive(Debug)]
pub(crate) struct Table {
    openai: BaseUrl,
    chatgpt: BaseUrl,
    anthropic: BaseUrl,
    gemini: BaseUrl,
    named: BTreeMap<String, BaseUrl>,
}

impl Table {
    pub(crate) fn new(options: &options::Upstreams) -> Self {
        let options::Upstreams { openai, chatgpt, anthropic, gemini, named } = options.clone();
        Self { openai, chatgpt, anthropic, gemini, named }
    }

    /// Where a request goes. What a client names must be in the configuration: anything else would send its key to
    /// whoever made it name another place.
    pub(crate) fn choose(&self, provider: Provider, headers: &HeaderMap) -> Result<&BaseUrl, ProxyError> {
        let default = match provider {
            Provider::OpenAi => &self.openai,
            Provider::ChatGpt => &self.chatgpt,
            Provider::Anthropic => &self.anthropic,
            Provider::Gemini => &self.gemini,
        };
        if !headers.contains_key("x-headroom-base-url") {
            return Ok(default);
        }
        let asked = headers::text(headers, "x-headroom-base-url").ok_or(ProxyError::UnknownUpstream)?;
        let known = [&self.openai, &self.chatgpt, &self.anthropic, &self.gemini].into_iter().chain(self.named.values());
        let address: Option<BaseUrl> = asked.parse().ok();
        let by_address = || known.into_iter().find(|known| Some(*known) == address.as_ref());
        self.named.get(asked).or_else(by_address).ok_or(ProxyError::UnknownUpstream)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_client_chooses_among_configured_upstreams_only() {
        let mut options = options::Upstreams::default();
        options.named.insert("groq".into(), "https://api.groq.com/openai/v1".parse().unwrap());
        let table = Table::new(&options);
        let chosen = |asked: Option<&'static str>| {
            let name = HeaderName::from_static("x-headroom-base-url");
            let headers = asked.map(|asked| (name, HeaderValue::from_static(asked))).into_iter().collect();
            table.choose(Provider::Anthropic, &headers).ok().map(BaseUrl::as_str)
        };
        assert_eq!(chosen(None), Some("https://api.anthropic.com"));
        assert_eq!(chosen(Some("groq")), Some("https://api.groq.com/openai/v1"));
        assert_eq!(chosen(Some(" https://api.groq.com/openai/v1/ ")), Some("https://api.groq.com/openai/v1"));
        assert_eq!(chosen(Some("https://api.openai.com")), Some("https://api.openai.com"));
        for unknown in ["https://evil.example", "https://api.groq.com/openai/v1.evil.example", "groc", ""] {
            assert_eq!(chosen(Some(unknown)), None, "{unknown}");
        }
    }
}
