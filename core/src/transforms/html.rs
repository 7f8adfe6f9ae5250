//! Pages of HTML.

mod elements;
mod markdown;
mod page;

use self::markdown::{Markdown, write};
use super::prose;
use crate::detect::ContentKind;
use crate::relevance::Question;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Shows a page of HTML as Markdown: its visible text, word by word, without its markup.
///
/// Headings, lists, tables, quotes and code become their Markdown forms. Scripts, styles, controls, the numbers of
/// footnotes and the markup go, as do the addresses of links unless a link says nothing without (`here`) or the question asks for addresses.
/// Navigation, footers, hidden parts and lists of links around the text go, too, known by elements, by class names and by how much of
/// them is links; what the question names stays wherever it stands, also in attributes. Of what is then still long a
/// subset is shown, chosen as [`Prose`](super::Prose) does, with a label at each gap.
///
/// Declines what is no page, pages that an agent may edit, pages with next to no visible text (their content is made
/// by scripts) and, because markup cannot be told from Markdown, everything in lossless mode. The page as it came can be
/// fetched with the hash in the marker, which is the last line.
///
/// ```text
/// <nav>…</nav><h1>Pool</h1>             [HTML as Markdown; markup, scripts, controls and 12 link addresses left out]
/// <p>It holds <b>500</b>                 [3 lines omitted]
/// <a href="/c">connections</a>.</p>  →   # Pool
/// <script>…</script>                     
///                                        It holds 500 connections.
///                                        [4/9 lines shown; headroom_retrieve hash=…]
/// ```
///
/// # Errors
/// None.
///
/// # Sources
/// Tokens and character references are those of the HTML standard, read by html5gum. That density of links and names of
/// classes tell navigation from text is from Kohlschütter et al., "Boilerplate Detection using Shallow Text Features"
/// (WSDM 2010), and from the readability extractors; shares are chosen by hand, each beside its constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Html;

/// Texts below this size stay whole.
const MIN_BYTES: usize = 1024;
/// Bytes in which a page starts.
const START_BYTES: usize = 1024;
/// Bytes of which the tags are counted when a text starts with one.
const SAMPLE_BYTES: usize = 8 * 1024;
/// A page with less visible text, and ten times as much in scripts, is made by these.
const MIN_TEXT_BYTES: usize = 400;

impl Transform for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        match confidence(part.text) {
            confidence if confidence > 0.0 && !part.quotable => Fit::Yes(ContentKind::Html, confidence),
            _ => Fit::No,
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let html = part.text;
        if cx.lossless_only() || part.quotable || html.len() < MIN_BYTES {
            return Ok(Outcome::Unchanged);
        }
        let page = page::read(html, asks_for_addresses(cx.question()));
        if page.text.len() < MIN_TEXT_BYTES && page.text.len() * 10 < page.silent_bytes {
            return Ok(Outcome::Unchanged);
        }
        let Markdown { text, aside } = write(&page, cx.question());
        // Markup is gone without loss, so that some of what that saved may go to the text.
        let target_bytes = cx.target_prose_bytes(text.len()) + cx.target_prose_bytes(html.len()) / 4;
        let Some(subset) = prose::extract(&text, &aside, cx.question(), target_bytes) else {
            return Ok(Outcome::Unchanged);
        };
        let addresses = match page.addresses_left_out {
            0 => ", scripts and controls".to_owned(),
            1 => ", scripts, controls and 1 link address".to_owned(),
            more => format!(", scripts, controls and {more} link addresses"),
        };
        let marker = cx.marker(html, subset.shown, subset.total, subset.unit);
        Ok(Outcome::Subset(format!("[HTML as Markdown; markup{addresses} left out]\n{}{marker}", subset.text)))
    }
}

/// Whether the question is about where links lead.
fn asks_for_addresses(question: &Question) -> bool {
    const WORDS: [&str; 5] = ["url", "link", "href", "hyperlink", "uri"];
    question.terms().iter().any(|term| WORDS.contains(&term.text.as_str()))
}

/// How sure it is that a text is a page: a doctype or the root element at its start, or tags of HTML in great number.
fn confidence(text: &str) -> f32 {
    let bytes = text.as_bytes();
    let start = &bytes[..bytes.len().min(START_BYTES)];
    let starts_page = memchr::memchr_iter(b'<', start).any(|at| {
        let rest = &bytes[at..bytes.len().min(at + 14)];
        let is = |tag: &[u8]| rest.len() >= tag.len() && rest[..tag.len()].eq_ignore_ascii_case(tag);
        // Something may stand before it in lines of its own, such as the address that was fetched.
        let starts_line = start[..at].iter().rev().take_while(|byte| **byte != b'\n').all(u8::is_ascii_whitespace);
        starts_line && (is(b"<!doctype html") || is(b"<html>") || is(b"<html ") || is(b"<html\n"))
    });
    if starts_page {
        return 1.0;
    }
    if !text.trim_start().starts_with('<') {
        return 0.0;
    }
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    let tags = memchr::memchr_iter(b'<', sample).filter(|at| is_html_tag(&sample[at + 1..])).count();
    let all = memchr::memchr_iter(b'<', sample).count();
    if tags >= 10 && tags * 10 >= all * 6 { 0.9 } else { 0.0 }
}

/// Whether what follows `<` names an element that other markup has not.
fn is_html_tag(rest: &[u8]) -> bool {
    const NAMES: [&[u8]; 22] = [
        b"div", b"p", b"span", b"a", b"li", b"ul", b"ol", b"td", b"tr", b"table", b"h1", b"h2", b"h3", b"br", b"img",
        b"strong", b"em", b"section", b"article", b"body", b"head", b"script",
    ];
    let rest = rest.strip_prefix(b"/").unwrap_or(rest);
    let length = rest.iter().take(10).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let name = rest[..length].to_ascii_lowercase();
    matches!(rest.get(length), Some(b'>' | b' ' | b'/' | b'\n')) && NAMES.contains(&&name[..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transforms::testing::{declines, run, subset};

    fn fit(text: &str) -> Fit {
        Html.fit(&Part { text, tool: None, quotable: false })
    }

    /// A page of thirty sections with navigation, scripts and a table.
    fn page() -> String {
        let section = |at: usize| {
            format!(
                "<section class=\"part\"><h2 id=\"s{at}\">Part {at}</h2><p>This part tells how <b>component</b> {at} is run &amp; kept.\n\
                 It was written for people who have seen the others. The limit of component {at} is {} items. Talk about it goes \
                 on for a while, without <a href=\"/more/{at}\">saying more</a>.</p></section>\n",
                at * 37 + 5
            )
        };
        let body: String = (0..80).map(section).collect();
        format!(
            "<!DOCTYPE html>\n<html><head><title>Manual</title><style>p {{ margin: 0 }}</style></head><body>\
             <nav><ul><li><a href=/>Home</a><li><a href=/jobs>Jobs</a></ul></nav><main>{body}\
             <table><tr><th>name</th><th>size</th></tr><tr><td>pool</td><td>500</td></tr></table></main>\
             <script>track({{\"a\": 1}});</script><footer>Imprint of the makers</footer></body></html>"
        )
    }

    #[test]
    fn the_answer_stays_and_markup_goes() {
        let html = page();
        let small = subset(&Html, &html, "What is the limit of component 23, and the size of the pool?");
        assert!(small.contains("## Part 23\n") && small.contains("The limit of component 23 is 856 items."), "{small}");
        assert!(small.contains("| name | size |\n|---|---|\n| pool | 500 |"), "{small}");
        assert!(
            small.starts_with("[HTML as Markdown; markup, scripts, controls and 82 link addresses left out]\n"),
            "{small}"
        );
        for gone in ["<p>", "track(", "margin", "Imprint", "&amp;"] {
            assert!(!small.contains(gone), "{gone} in {small}");
        }
        assert!(small.len() * 2 < html.len());
    }

    #[test]
    fn pages_are_known_and_other_markup_is_not() {
        for text in [
            "<!doctype HTML><p>x",
            "  \n<html lang=en>",
            "HTTP 200 https://a.example/\n\n<!DOCTYPE html>\n<p>",
            "<!-- saved -->\n<html>",
        ] {
            assert_eq!(fit(text), Fit::Yes(ContentKind::Html, 1.0), "{text}");
        }
        assert_eq!(fit(&"<div><p>x</p></div>".repeat(20)), Fit::Yes(ContentKind::Html, 0.9));
        for text in [
            "<?xml version=\"1.0\"?><rss><item><p>x</p></item></rss>",
            &"<item><title>x</title></item>".repeat(20),
            &"<svg><path d='M0'/><g>".repeat(20),
            "<div>",
            "a < b and <html> in the text of a line",
            "use std::x;\nfn f() -> Vec<div> {}",
        ] {
            assert_eq!(fit(text), Fit::No, "{text}");
        }
        assert_eq!(Html.fit(&Part { text: &page(), tool: None, quotable: true }), Fit::No);
    }

    #[test]
    fn pages_that_scripts_make_stay() {
        assert!(declines(
            &Html,
            &format!("<!DOCTYPE html><div id=app></div><script>{}</script>", "let x = 1;".repeat(5000))
        ));
        assert!(declines(&Html, "<html><p>short</p></html>"));
    }

    #[test]
    fn the_address_is_shown_when_the_question_is_about_it() {
        assert!(subset(&Html, &page(), "Which link does part 7 have?").contains("[saying more](/more/7)"));
    }

    #[test]
    fn hostile_pages_take_one_pass() {
        for unit in [
            "<div>",
            "<",
            "<!--",
            "<a href=\"",
            "<p>a b c. ",
            "</p>",
            "<td>",
            "<li><ul>",
            "<div class=nav>a",
            "&#",
            "<b>é</b>",
        ] {
            let text = "<!DOCTYPE html>".to_owned() + &unit.repeat(2_000_000 / unit.len());
            let _ = run(&Html, &text, false, "a `b` 100");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_visible_text_in_order(
            words in prop::collection::vec("[a-z]{3,8}", 300..600),
            tags in prop::collection::vec(prop::sample::select(vec!["p", "div", "li", "h3", "td", "b", "section", "blockquote"]), 40..80),
            question in "[a-z]{3,8}",
        ) {
            let mut html = String::from("<!DOCTYPE html><body>");
            for (at, chunk) in words.chunks(9).enumerate() {
                let tag = tags[at % tags.len()];
                html += &format!("<{tag} class=\"c-{at} padding padding padding\">{}.</{tag}>\n", chunk.join(" "));
            }
            if let (Outcome::Subset(small), originals) = run(&Html, &html, false, &question) {
                prop_assert_eq!(originals, [html.clone()]);
                let mut visible = words.iter();
                let body = small.lines().filter(|line| !line.starts_with('['));
                for word in body.flat_map(|line| line.split(|c: char| !c.is_ascii_lowercase())) {
                    if word.is_empty() || ["sentence", "sentences", "omitted"].contains(&word) { continue; }
                    prop_assert!(visible.any(|other| other == word), "{} in\n{}", word, small);
                }
            }
        }

        #[test]
        fn any_markup_is_handled(text in "(<[a-z0-9/!]{0,9}( [a-z]{1,5}=[\"']?[a-z:;]{0,9})?>?|\\PC|[a-z .]|&[a-z#0-9]{0,6};|\n|\0){0,300}", copies in 1..9usize) {
            let text = format!("<html>{}", text.repeat(copies));
            let _ = fit(&text);
            let _ = run(&Html, &text, false, "a 1 `x`");
        }
    }
}
