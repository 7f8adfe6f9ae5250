//! `/dashboard`: one page, put together from what is compiled in.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const PAGE: &str = include_str!("dashboard/page.html");
const STYLE: &str = include_str!("dashboard/style.css");
const SCRIPT: &str = include_str!("dashboard/script.js");

/// The page and the policy that lets nothing but its own style and script work.
pub(super) struct Page {
    pub(super) html: String,
    pub(super) policy: String,
}

pub(super) static DASHBOARD: LazyLock<Page> = LazyLock::new(|| Page {
    html: PAGE.replace("{{style}}", STYLE).replace("{{script}}", SCRIPT),
    policy: format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    ),
});

fn hash(source: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_exactly_what_stands_between_the_tags() {
        let Page { html, policy } = &*DASHBOARD;
        for (tag, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
            let start = html.find(tag).expect("the tag") + tag.len();
            let end = start + html[start..].find(close).expect("its end");
            assert!(policy.contains(&hash(&html[start..end])), "{tag}");
            assert_eq!(html.matches(tag).count(), 1);
        }
        assert!(!html.contains("{{"));
    }

    #[test]
    fn the_page_asks_nobody_else_and_makes_no_markup_of_data() {
        let html = &DASHBOARD.html;
        for word in
            ["http://", "https://", "//cdn", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
        {
            // The namespace of SVG is a name, not an address.
            let found = html.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(word), "{word}");
        }
        for handler in [" onclick=", " onload=", " onerror=", " style=\"", "javascript:"] {
            assert!(!html.contains(handler), "{handler}");
        }
    }
}
