//! A page of HTML as blocks of text.

use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use super::elements::{Element, ends, is_empty_link_text, is_mark, is_void, names_aside, names_main};

/// Open elements among which the one that an end tag closes is looked for.
///
/// # Sources
/// Chosen by hand; a bound keeps a million open elements linear.
const OPEN_LOOKED_AT: usize = 100;
/// Longer addresses are not shown although the question asks for addresses.
const ASKED_ADDRESS_BYTES: usize = 160;
/// Longer attribute values are no names, addresses or sentences.
const ATTRIBUTE_BYTES: usize = 400;

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    Paragraph,
    Heading(u8),
    /// An item of a list at a depth, with its number if the list is numbered.
    Item(u8, Option<u32>),
    Pre,
    Quote,
    /// A cell: the number of its table, of its row, and of itself in the page.
    Cell(u32, u32, u32),
}

/// A stretch of text between two breaks.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) kind: BlockKind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Bytes of it that are the text of links.
    pub(super) link_bytes: usize,
    /// Whether it stands in the main part by the name of an element around it.
    pub(super) in_main: bool,
    /// The innermost region around it that may be no part of the main text.
    pub(super) region: Option<u32>,
}

/// A part of the page that may be no part of its main text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region {
    pub(super) parent: Option<u32>,
    pub(super) why: Why,
}

/// What tells that a region is no part of the main text, the surest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// A class, an id or a role.
    Name,
    /// The element itself.
    Element,
    /// It is not shown.
    Hidden,
}

/// What a page says.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) text: String,
    pub(super) blocks: Vec<Block>,
    pub(super) regions: Vec<Region>,
    pub(super) title: String,
    /// Attributes with text, as `name="value"`, and the block before which they stand.
    pub(super) attributes: Vec<(usize, String)>,
    /// Bytes of scripts, styles and the like.
    pub(super) silent_bytes: usize,
    /// How many link addresses are not shown.
    pub(super) addresses_left_out: usize,
}

/// Reads a page. With `addresses`, links keep where they lead.
pub(super) fn read(html: &str, addresses: bool) -> Page {
    let mut reader = Reader { addresses, ..Reader::default() };
    let mut emitter = CallbackEmitter::<_, Infallible>::new(|event: CallbackEvent<'_>, _: Span<()>| {
        reader.event(&event);
        None
    });
    emitter.naively_switch_states(true);
    // The callback gives no tokens and a string is read without failing, so that the first answer is the end.
    let end = Tokenizer::new_with_emitter(html, emitter).next();
    debug_assert!(end.is_none(), "an answer of a type without values");
    reader.flush();
    reader.page
}

/// An open element.
#[derive(Debug, Clone, Copy)]
struct Open {
    name: Name,
    element: Element,
    silences: bool,
    is_main: bool,
    opens_region: bool,
}

/// The first bytes of an element's name; longer names are of no known element.
type Name = [u8; 10];

fn name_of(name: &[u8]) -> Name {
    let mut short = Name::default();
    for (to, from) in short.iter_mut().zip(name) {
        *to = *from;
    }
    short
}

fn trimmed(name: &Name) -> &[u8] {
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    name.get(..end).unwrap_or_default()
}

/// The start tag that is being read.
#[derive(Debug, Default)]
struct Tag {
    name: Vec<u8>,
    attribute: Attribute,
    attribute_name: String,
    class: String,
    href: String,
    alt: String,
    hidden: bool,
    start_number: Option<u32>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    #[default]
    Other,
    /// Class, id and role, which are read alike.
    Class,
    Href,
    Alt,
    Style,
    AriaHidden,
    Start,
    /// Anything else that may hold text.
    Text,
}

#[derive(Debug, Default)]
struct Reader {
    page: Page,
    addresses: bool,
    open: Vec<Open>,
    tag: Tag,
    silent: usize,
    main: usize,
    pre: usize,
    quote: usize,
    /// The innermost region.
    region: Option<u32>,
    /// The open lists: whether numbered, and the last number.
    lists: Vec<Option<u32>>,
    /// The open tables and their current rows and cells.
    tables: Vec<(u32, u32, Option<u32>)>,
    counters: (u32, u32, u32),
    /// The kind that the next text starts.
    next: Option<BlockKind>,
    /// Where the open block starts.
    start: Option<usize>,
    link_bytes: usize,
    blank_waits: bool,
    in_title: bool,
    /// Where the text of the open run of code starts.
    code: Option<usize>,
    /// Where the open link starts, and where it leads.
    link: Option<(usize, String)>,
}

impl Reader {
    fn event(&mut self, event: &CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                let tag = &mut self.tag;
                tag.name.clear();
                tag.name.extend_from_slice(name);
                [&mut tag.class, &mut tag.href, &mut tag.alt].into_iter().for_each(String::clear);
                tag.hidden = false;
                tag.start_number = None;
            }
            CallbackEvent::AttributeName { name } => self.attribute_name(name),
            CallbackEvent::AttributeValue { value } => self.attribute_value(&String::from_utf8_lossy(value)),
            CallbackEvent::CloseStartTag { self_closing } => self.start_tag(*self_closing),
            CallbackEvent::EndTag { name } => self.end_tag(name),
            CallbackEvent::String { value } => self.text(&String::from_utf8_lossy(value)),
            CallbackEvent::Comment { .. } | CallbackEvent::Doctype { .. } | CallbackEvent::Error(_) => {}
        }
    }

    fn attribute_name(&mut self, name: &[u8]) {
        self.tag.attribute = match name {
            b"class" | b"id" | b"role" => Attribute::Class,
            b"href" => Attribute::Href,
            b"alt" => Attribute::Alt,
            b"style" => Attribute::Style,
            b"aria-hidden" => Attribute::AriaHidden,
            b"start" => Attribute::Start,
            b"hidden" => {
                self.tag.hidden = true;
                Attribute::Other
            }
            b"title" | b"content" | b"src" | b"value" | b"placeholder" | b"aria-label" | b"datetime" | b"cite"
            | b"action" | b"label" => Attribute::Text,
            _ if name.starts_with(b"data-") => Attribute::Text,
            _ => Attribute::Other,
        };
        self.tag.attribute_name.clear();
        self.tag.attribute_name.push_str(&String::from_utf8_lossy(name));
    }

    fn attribute_value(&mut self, value: &str) {
        let tag = &mut self.tag;
        match tag.attribute {
            Attribute::Class => {
                tag.class.push_str(value);
                tag.class.push(' ');
            }
            Attribute::Href => tag.href.push_str(value),
            Attribute::Alt => tag.alt.push_str(value),
            Attribute::Style => {
                let hides = |rule: &str| {
                    rule.split_once(':').is_some_and(|(name, value)| {
                        (name.trim() == "display" && value.trim().starts_with("none"))
                            || (name.trim() == "visibility" && value.trim().starts_with("hidden"))
                    })
                };
                tag.hidden |= value.split(';').any(hides);
            }
            Attribute::AriaHidden => tag.hidden |= value == "true",
            Attribute::Start => tag.start_number = value.parse().ok(),
            Attribute::Other | Attribute::Text => {}
        }
        let has_text = matches!(tag.attribute, Attribute::Href | Attribute::Alt | Attribute::Text);
        if has_text && (3..=ATTRIBUTE_BYTES).contains(&value.len()) && !value.starts_with('#') {
            self.page.attributes.push((self.page.blocks.len(), format!("{}=\"{value}\"", tag.attribute_name)));
        }
    }

    fn start_tag(&mut self, self_closing: bool) {
        let name = std::mem::take(&mut self.tag.name);
        let element = Element::of(&name);
        while self.open.last().is_some_and(|open| ends(&name, trimmed(&open.name))) {
            self.close_last();
        }
        if element.is_block() {
            self.flush();
        }
        let root = element == Element::Root;
        let hidden = self.tag.hidden && !root;
        let is_silent =
            element == Element::Silent || (hidden && !element.is_block()) || is_mark(&name, &self.tag.class);
        match element {
            Element::Break if self.silent == 0 => self.line_break(),
            Element::Image if self.silent == 0 => self.image(),
            _ => {}
        }
        // A drawing may be closed in its own start tag; other elements cannot.
        let foreign =
            self_closing && (name == b"svg" || !matches!(element, Element::Silent) && element == Element::Inline);
        if !is_void(&name) && !foreign {
            let is_main = element == Element::Main || names_main(&self.tag.class);
            let why = match element {
                _ if hidden && element.is_block() => Some(Why::Hidden),
                Element::Aside => Some(Why::Element),
                _ if root || is_main || !element.is_block() => None,
                _ => names_aside(&self.tag.class).then_some(Why::Name),
            };
            let silences = is_silent && element != Element::Title;
            self.opened(element, silences);
            self.silent += usize::from(silences);
            self.main += usize::from(is_main);
            if let Some(why) = why {
                self.page.regions.push(Region { parent: self.region, why });
                self.region = u32::try_from(self.page.regions.len() - 1).ok();
            }
            let opens_region = why.is_some();
            self.open.push(Open { name: name_of(&name), element, silences, is_main, opens_region });
        }
        self.tag.name = name;
    }

    /// What an element that is opened starts.
    fn opened(&mut self, element: Element, silences: bool) {
        if self.silent > 0 || silences {
            return;
        }
        match element {
            Element::Heading(level) => self.next = Some(BlockKind::Heading(level)),
            Element::List(numbered) => {
                self.lists.push(numbered.then(|| self.tag.start_number.unwrap_or(1).saturating_sub(1)))
            }
            Element::Item => {
                let depth = u8::try_from(self.lists.len().saturating_sub(1)).unwrap_or(u8::MAX).min(8);
                let number = self.lists.last_mut().and_then(Option::as_mut).map(|number| {
                    *number = number.saturating_add(1);
                    *number
                });
                self.next = Some(BlockKind::Item(depth, number));
            }
            Element::Table => {
                self.counters.0 += 1;
                self.tables.push((self.counters.0, 0, None));
            }
            Element::Row => {
                self.counters.1 += 1;
                if let Some((_, row, cell)) = self.tables.last_mut() {
                    (*row, *cell) = (self.counters.1, None);
                }
            }
            Element::Cell => {
                self.counters.2 += 1;
                if let Some((_, _, cell)) = self.tables.last_mut() {
                    *cell = Some(self.counters.2);
                }
            }
            Element::Pre => self.pre += 1,
            Element::Quote => self.quote += 1,
            Element::Code if self.pre == 0 => self.mark(),
            Element::Link => self.link = Some((usize::MAX, self.tag.href.clone())),
            Element::Title => self.in_title = self.page.title.is_empty(),
            _ => {}
        }
    }

    fn end_tag(&mut self, name: &[u8]) {
        let name = name_of(name);
        let looked_at = self.open.len().saturating_sub(OPEN_LOOKED_AT);
        let Some(at) = self.open.iter().skip(looked_at).rposition(|open| open.name == name) else { return };
        let left = looked_at + at;
        while self.open.len() > left {
            self.close_last();
        }
    }

    fn close_last(&mut self) {
        let Some(Open { element, silences, is_main, opens_region, .. }) = self.open.pop() else { return };
        if element.is_block() {
            self.flush();
        }
        self.main -= usize::from(is_main);
        if opens_region {
            self.region = self.region.and_then(|region| self.page.regions.get(region as usize)?.parent);
        }
        if silences {
            self.silent -= 1;
            return;
        }
        if self.silent > 0 {
            return;
        }
        match element {
            Element::List(_) => {
                self.lists.pop();
            }
            Element::Table => {
                self.tables.pop();
            }
            Element::Cell | Element::Row => {
                if let Some((_, _, cell)) = self.tables.last_mut() {
                    *cell = None;
                }
            }
            Element::Pre => self.pre = self.pre.saturating_sub(1),
            Element::Quote => self.quote = self.quote.saturating_sub(1),
            Element::Code if self.pre == 0 => self.mark_end(),
            Element::Link => self.end_link(),
            Element::Title => self.in_title = false,
            _ => {}
        }
        // Text behind the end of a heading is no heading.
        if matches!(element, Element::Heading(_) | Element::Item) {
            self.next = None;
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_title {
            self.page.title.push_str(text);
            return;
        }
        if self.silent > 0 {
            self.page.silent_bytes += text.len();
            return;
        }
        if self.pre > 0 {
            if self.start.is_some() || !text.trim().is_empty() {
                self.begin();
                self.page.text.push_str(text);
            }
            return;
        }
        let before = self.page.text.len();
        self.blank_waits |= text.starts_with(is_blank);
        for word in text.split(is_blank).filter(|word| !word.is_empty()) {
            self.word(word);
            self.blank_waits = true;
        }
        self.blank_waits = text.ends_with(is_blank) || (self.blank_waits && text.chars().all(is_blank));
        if self.link.is_some() {
            self.link_bytes += self.page.text.len() - before;
        }
    }

    fn word(&mut self, word: &str) {
        self.begin();
        self.page.text.push_str(word);
    }

    /// Opens a block if none is open, else writes the blank that waits.
    fn begin(&mut self) {
        let text = &mut self.page.text;
        if self.start.is_none() {
            self.start = Some(text.len());
        } else if self.blank_waits && self.pre == 0 && !text.ends_with('\n') {
            text.push(' ');
        }
        self.blank_waits = false;
        if let Some((start, _)) = &mut self.link
            && *start == usize::MAX
        {
            *start = text.len();
        }
    }

    /// Opens a run of code.
    fn mark(&mut self) {
        self.begin();
        self.page.text.push('`');
        self.code = Some(self.page.text.len());
    }

    /// Closes a run of code, or takes its mark back when nothing is in it.
    fn mark_end(&mut self) {
        let is_empty = self.code.take() == Some(self.page.text.len());
        if self.start.is_none() {
            return;
        }
        if is_empty {
            self.page.text.pop();
        } else {
            self.page.text.push('`');
        }
    }

    fn line_break(&mut self) {
        if self.start.is_some() {
            self.page.text.push('\n');
            self.blank_waits = false;
        }
    }

    fn image(&mut self) {
        let alt = std::mem::take(&mut self.tag.alt);
        if alt.trim().len() > 3 {
            self.begin();
            self.page.text.push_str("![");
            alt.split(is_blank).filter(|word| !word.is_empty()).enumerate().for_each(|(nth, word)| {
                if nth > 0 {
                    self.page.text.push(' ');
                }
                self.page.text.push_str(word);
            });
            self.page.text.push(']');
        }
    }

    /// Writes where a link leads if its text refers to that, or if all addresses are wanted.
    fn end_link(&mut self) {
        let Some((start, href)) = self.link.take() else { return };
        let in_block = self.start.is_some_and(|block| block <= start && start < self.page.text.len());
        if !in_block || href.is_empty() || href.starts_with('#') || href.starts_with("javascript:") {
            return;
        }
        let text = self.page.text.get(start..).unwrap_or_default();
        let longest = if is_empty_link_text(text) {
            ATTRIBUTE_BYTES
        } else if self.addresses {
            ASKED_ADDRESS_BYTES
        } else {
            0
        };
        if href.len() <= longest && text != href {
            self.page.text.insert(start, '[');
            self.page.text.push_str("](");
            self.page.text.push_str(href.trim());
            self.page.text.push(')');
        } else if text != href {
            self.page.addresses_left_out += 1;
        }
    }

    /// Ends the open block.
    fn flush(&mut self) {
        self.blank_waits = false;
        // A link around blocks has no place for its address.
        if let Some((start, _)) = &mut self.link {
            *start = usize::MAX;
        }
        let link_bytes = std::mem::take(&mut self.link_bytes);
        let Some(start) = self.start.take() else { return };
        let text = &mut self.page.text;
        let end = start + text.get(start..).map_or(0, |text| text.trim_end().len());
        text.truncate(end);
        if end == start {
            return;
        }
        let cell =
            self.tables.last().and_then(|(table, row, cell)| cell.map(|cell| BlockKind::Cell(*table, *row, cell)));
        let kind = match (self.next.take(), cell) {
            _ if self.pre > 0 => BlockKind::Pre,
            (Some(kind), _) => kind,
            (None, Some(cell)) => cell,
            (None, None) if self.quote > 0 => BlockKind::Quote,
            (None, None) => BlockKind::Paragraph,
        };
        self.page.blocks.push(Block { kind, start, end, link_bytes, in_main: self.main > 0, region: self.region });
    }
}

fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\u{a0}'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(html: &str) -> Vec<(BlockKind, String)> {
        let page = read(html, false);
        page.blocks.iter().map(|block| (block.kind, page.text[block.start..block.end].to_owned())).collect()
    }

    #[test]
    fn text_is_read_as_a_reader_sees_it() {
        use BlockKind::*;
        let html = "<!DOCTYPE html><title>T &amp; t</title><script>var x = '<p>no</p>'</script><h2>A  <b>b</b>\n c</h2>\
            <p>one<p>two&nbsp;&lt;x&gt;<br>three<ul><li>a<li>b<ol start=4><li>n</ol></ul><pre>  x\n    y\n</pre>\
            <blockquote>said</blockquote><span hidden>no</span><span style='display: none'>no</span><code>f()</code> <code></code><code>`</code>";
        let expected = [
            (Heading(2), "A b c"),
            (Paragraph, "one"),
            (Paragraph, "two <x>\nthree"),
            (Item(0, None), "a"),
            (Item(0, None), "b"),
            (Item(1, Some(4)), "n"),
            (Pre, "  x\n    y"),
            (Quote, "said"),
            (Paragraph, "`f()` ```"),
        ];
        assert_eq!(blocks(html), expected.map(|(kind, text)| (kind, text.to_owned())));
        assert_eq!(read(html, false).title, "T & t");
    }

    #[test]
    fn cells_know_their_row() {
        let found = blocks("<table><tr><th>a<th>b<tr><td>1</td><td>2</table>");
        let rows: Vec<u32> = found
            .iter()
            .map(|(kind, _)| match kind {
                BlockKind::Cell(_, row, _) => *row,
                _ => 0,
            })
            .collect();
        assert_eq!(rows, [1, 1, 2, 2]);
    }

    #[test]
    fn a_link_keeps_where_it_leads_when_its_text_says_nothing_else() {
        let html = "<p>The manual is <a href='https://a.example/m'>here</a>, by <a href='/x'>Ann</a>.</p>";
        assert_eq!(blocks(html)[0].1, "The manual is [here](https://a.example/m), by Ann.");
        let page = read(html, true);
        assert_eq!(page.text, "The manual is [here](https://a.example/m), by [Ann](/x).");
        assert_eq!(read(html, false).addresses_left_out, 1);
    }

    #[test]
    fn regions_around_the_main_part_are_marked() {
        let page = read("<nav>a</nav><div class='page-footer'>b<aside>c</aside></div><main><p>d</main>", false);
        let regions: Vec<_> = page.blocks.iter().map(|block| (block.region, block.in_main)).collect();
        assert_eq!(regions, [(Some(0), false), (Some(1), false), (Some(2), false), (None, true)]);
        assert_eq!((page.regions[2].parent, page.regions[2].why), (Some(1), Why::Element));
        let page = read("<div style='color: red; display:none'>a</div><p class=reference>b", false);
        assert_eq!((page.regions[0].why, page.blocks[1].region), (Why::Hidden, None));
    }

    #[test]
    fn broken_and_hostile_markup_is_read_in_linear_time() {
        for unit in [
            "<",
            "<div>",
            "</div>",
            "<p",
            "<!--",
            "<a href=\"",
            "&",
            "&amp",
            "<div class='nav'>",
            "<table><tr><td>",
            "</p>",
            "<ul><li>",
            "<a href=x>",
            "<code>",
            "<pre>",
            "]]>",
            "<script>",
            "<svg/>",
            "<b x=1 y=2",
            "\0",
            "é<",
            "<title>",
            "<br>",
            "<x>",
        ] {
            let page = read(&unit.repeat(1_000_000 / unit.len()), true);
            assert!(page.blocks.iter().all(|block| page.text.get(block.start..block.end).is_some()), "{unit}");
        }
        let mixed = "<div><p>a</b></i>".repeat(50_000) + &"</div>".repeat(50_000);
        assert_eq!(read(&mixed, false).blocks.len(), 50_000);
    }
}
