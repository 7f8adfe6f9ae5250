//! What all addresses of a column begin and end with.

/// Shorter beginnings stay in the cells. In bytes.
const MIN_PREFIX: usize = 16;

/// The common beginning and end of addresses, or that there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Affix<'d> {
    #[default]
    Unknown,
    Common {
        prefix: &'d str,
        suffix: &'d str,
    },
    None,
}

impl<'d> Affix<'d> {
    /// Narrows what is common down to what `content`, the inside of a string as it is written, has too.
    pub(super) fn observe(&mut self, content: &'d str) {
        *self = match *self {
            Self::Unknown if content.starts_with("http") => Self::Common { prefix: content, suffix: content },
            Self::Common { prefix, suffix } => {
                let same = prefix.bytes().zip(content.bytes()).take_while(|(left, right)| left == right).count();
                let prefix = prefix.get(..same).and_then(|prefix| prefix.rfind('/').map(|slash| &prefix[..=slash]));
                let same =
                    suffix.bytes().rev().zip(content.bytes().rev()).take_while(|(left, right)| left == right).count();
                let suffix = suffix.get(suffix.len() - same..).unwrap_or("");
                match prefix {
                    Some(prefix) if prefix.len() >= MIN_PREFIX => Self::Common { prefix, suffix },
                    _ => Self::None,
                }
            }
            Self::Unknown | Self::None => Self::None,
        };
    }

    /// The beginning and the end of all; the end from the first sign that ends a word.
    pub(super) fn parts(self) -> Option<(&'d str, &'d str)> {
        let Self::Common { prefix, suffix } = self else { return None };
        let from = suffix.find(['.', '?', '/', '#']).filter(|_| !suffix.contains(prefix));
        Some((prefix, from.map_or("", |from| &suffix[from..])))
    }

    /// What a cell holds; `None` when beginning and end overlap in it.
    pub(super) fn inside<'t>((prefix, suffix): (&str, &str), content: &'t str) -> Option<&'t str> {
        content.strip_prefix(prefix)?.strip_suffix(suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn affix<'d>(contents: &[&'d str]) -> Option<(&'d str, &'d str)> {
        let mut affix = Affix::default();
        contents.iter().for_each(|content| affix.observe(content));
        affix.parts()
    }

    #[test]
    fn addresses_share_their_beginning_up_to_a_slash_and_their_end_from_a_dot() {
        let addresses = ["https://quakes.test/detail/ci378.geojson", "https://quakes.test/detail/ci377.geojson"];
        assert_eq!(affix(&addresses), Some(("https://quakes.test/detail/", ".geojson")));
        assert_eq!(Affix::inside(("https://quakes.test/detail/", ".geojson"), addresses[0]), Some("ci378"));
        assert_eq!(affix(&["https://quakes.test/a", "https://quakes.test/b"]), Some(("https://quakes.test/", "")));
    }

    #[test]
    fn other_texts_share_nothing() {
        assert_eq!(affix(&["https://a.test/", "words"]), None);
        assert_eq!(affix(&["a long beginning/ of words", "a long beginning/ of other words"]), None);
        assert_eq!(affix(&[]), None);
        assert_eq!(Affix::inside(("https://a.test/x/", "/x/y"), "https://a.test/x/y"), None);
    }
}
