//! What the elements of HTML mean for a reader.

/// The part that an element plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// Stands in a line of text.
    Inline,
    /// Starts a new paragraph.
    Block,
    /// A heading of a level.
    Heading(u8),
    /// A list; whether its items are numbered.
    List(bool),
    Item,
    Table,
    Row,
    Cell,
    Pre,
    Code,
    Quote,
    Link,
    /// Breaks a line.
    Break,
    Image,
    Title,
    /// Not text for a reader: scripts, styles, controls, drawings.
    Silent,
    /// Navigation and the like by its very name.
    Aside,
    /// The main part by its name.
    Main,
    /// The root, which is no part.
    Root,
}

impl Element {
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b"h1" => Self::Heading(1),
            b"h2" => Self::Heading(2),
            b"h3" => Self::Heading(3),
            b"h4" => Self::Heading(4),
            b"h5" => Self::Heading(5),
            b"h6" => Self::Heading(6),
            b"ul" | b"menu" | b"dir" => Self::List(false),
            b"ol" => Self::List(true),
            b"li" | b"option" => Self::Item,
            b"table" => Self::Table,
            b"tr" => Self::Row,
            b"td" | b"th" => Self::Cell,
            b"pre" | b"listing" | b"xmp" | b"plaintext" => Self::Pre,
            b"code" | b"kbd" | b"samp" | b"tt" => Self::Code,
            b"blockquote" => Self::Quote,
            b"a" => Self::Link,
            b"br" => Self::Break,
            b"img" => Self::Image,
            b"title" => Self::Title,
            b"script" | b"style" | b"noscript" | b"template" | b"svg" | b"iframe" | b"object" | b"textarea"
            | b"canvas" | b"audio" | b"video" | b"noembed" | b"noframes" => Self::Silent,
            b"nav" | b"aside" | b"footer" | b"select" | b"datalist" | b"dialog" => Self::Aside,
            b"main" | b"article" => Self::Main,
            b"html" | b"body" => Self::Root,
            b"p" | b"div" | b"section" | b"header" | b"hgroup" | b"form" | b"fieldset" | b"legend" | b"figure"
            | b"figcaption" | b"caption" | b"dl" | b"dt" | b"dd" | b"details" | b"summary" | b"address" | b"center"
            | b"hr" | b"head" | b"thead" | b"tbody" | b"tfoot" | b"optgroup" | b"search" => Self::Block,
            _ => Self::Inline,
        }
    }

    /// Whether it interrupts a line of text.
    pub(super) fn is_block(self) -> bool {
        !matches!(self, Self::Inline | Self::Code | Self::Link | Self::Image | Self::Silent | Self::Break | Self::Title)
    }
}

/// Whether an element has no end tag.
pub(super) fn is_void(name: &[u8]) -> bool {
    matches!(
        name,
        b"br"
            | b"img"
            | b"hr"
            | b"input"
            | b"meta"
            | b"link"
            | b"area"
            | b"base"
            | b"col"
            | b"embed"
            | b"param"
            | b"source"
            | b"track"
            | b"wbr"
            | b"basefont"
            | b"bgsound"
            | b"frame"
            | b"keygen"
    )
}

/// Whether a start tag ends an open element of another name: `<li>` ends `<li>`, `<tr>` ends `<td>`.
pub(super) fn ends(new: &[u8], open: &[u8]) -> bool {
    match new {
        b"li" => matches!(open, b"li" | b"p"),
        b"dt" | b"dd" => matches!(open, b"dt" | b"dd" | b"p"),
        b"tr" => matches!(open, b"tr" | b"td" | b"th" | b"p"),
        b"td" | b"th" => matches!(open, b"td" | b"th" | b"p"),
        b"option" => open == b"option",
        b"p" | b"div" | b"ul" | b"ol" | b"dl" | b"table" | b"pre" | b"blockquote" | b"section" | b"h1" | b"h2"
        | b"h3" | b"h4" | b"h5" | b"h6" => open == b"p",
        _ => false,
    }
}

/// Words of class names, ids and roles of what stands around the main part of a page.
///
/// # Sources
/// The names that readability extractors agree on; comments are left out, because they answer questions.
const ASIDE_WORDS: [&str; 37] = [
    "nav",
    "navbar",
    "navigation",
    "navbox",
    "menu",
    "sidebar",
    "footer",
    "breadcrumb",
    "breadcrumbs",
    "cookie",
    "cookies",
    "advert",
    "advertisement",
    "ads",
    "promo",
    "share",
    "sharing",
    "social",
    "related",
    "recommended",
    "recommendations",
    "newsletter",
    "subscribe",
    "signup",
    "popup",
    "modal",
    "pagination",
    "pager",
    "toolbar",
    "masthead",
    "noprint",
    "contentinfo",
    "complementary",
    "catlinks",
    "printfooter",
    "topbar",
    "sitemap",
];

/// Whether a class, an id or a role names what stands around the main part.
pub(super) fn names_aside(value: &str) -> bool {
    words(value).any(|word| ASIDE_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// Whether a class, an id or a role names the main part.
pub(super) fn names_main(value: &str) -> bool {
    const NAMES: [&str; 12] = [
        "main",
        "content",
        "main-content",
        "maincontent",
        "main_content",
        "article",
        "entry-content",
        "post-content",
        "article-body",
        "mw-content-text",
        "bodycontent",
        "page-content",
    ];
    value.split_ascii_whitespace().any(|name| NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// Whether an element with a class is a mark of the page's own and no text: edit links, anchors of headings, the numbers of
/// footnotes.
pub(super) fn is_mark(name: &[u8], class: &str) -> bool {
    const NAMES: [&str; 5] = ["mw-editsection", "mw-jump-link", "headerlink", "anchor-link", "skip-link"];
    class.split_ascii_whitespace().any(|word| NAMES.contains(&word) || (name == b"sup" && word == "reference"))
}

fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

/// The text of links that say nothing without where they lead.
pub(super) fn is_empty_link_text(text: &str) -> bool {
    const TEXTS: [&str; 18] = [
        "here",
        "this",
        "link",
        "this link",
        "click here",
        "this page",
        "page",
        "source",
        "download",
        "read more",
        "more",
        "details",
        "website",
        "homepage",
        "website here",
        "documentation",
        "docs",
        "learn more",
    ];
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    TEXTS.iter().any(|known| text.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_around_the_main_part_are_known_by_their_words() {
        for name in ["site-nav", "Footer", "left sidebar", "navigation", "social-share_bar"] {
            assert!(names_aside(name), "{name}");
        }
        for name in ["content", "navigate", "unrelatedly", "comments", "sidebars-are-bad", ""] {
            assert!(!names_aside(name), "{name}");
        }
        assert!(names_main("col-9 main-content") && !names_main("content-with-menu"));
    }

    #[test]
    fn marks_are_known_and_other_references_are_text() {
        assert!(is_mark(b"sup", "reference ") && is_mark(b"a", "headerlink "));
        assert!(!is_mark(b"a", "reference internal ") && !is_mark(b"p", ""));
    }

    #[test]
    fn links_that_say_nothing_are_known() {
        assert!(is_empty_link_text("Here.") && is_empty_link_text("Read more »") && !is_empty_link_text("the manual"));
    }
}
