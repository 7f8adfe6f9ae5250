//! What the places of a list of lists are called.

use foldhash::HashSet;

use crate::json::{Cursor, Kind};

use super::encode::content;
use super::table::MAX_COLUMNS;

/// Longer strings are no names. In bytes.
const LONGEST: usize = 40;

/// The members that name the places of a list of lists beside them.
const KEYS: [&str; 6] = ["columns", "fields", "header", "headers", "column_names", "names"];

/// Names of the places of a list of lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names<'d> {
    /// As they are written, with quotes; empty when the places have no names.
    pub(super) list: Vec<&'d str>,
    /// Whether the first list holds the names, and is no row.
    pub(super) is_first_list: bool,
}

impl<'d> Names<'d> {
    /// The names of the `width` places of `lists`, from a member of `parent`, the object around it, or its first list.
    pub(super) fn of(lists: Cursor<'d>, width: usize, parent: Option<Cursor<'d>>) -> Self {
        let beside = parent.filter(|parent| parent.kind() == Kind::Object && parent.len() <= MAX_COLUMNS);
        for (key, value) in beside.into_iter().flat_map(|parent| parent.members()) {
            let is_key = content(key.raw()).is_some_and(|key| KEYS.iter().any(|name| key.eq_ignore_ascii_case(name)));
            if is_key && let Some(list) = names_in(value, width) {
                return Self { list, is_first_list: false };
            }
        }
        let first = lists.items().next().and_then(|first| names_in(first, width));
        match first.filter(|names| is_header(names, lists)) {
            Some(list) => Self { list, is_first_list: true },
            None => Self::default(),
        }
    }
}

/// The strings of a list of `width` short strings that are all different.
fn names_in<'d>(list: Cursor<'d>, width: usize) -> Option<Vec<&'d str>> {
    if list.kind() != Kind::Array || list.len() != width {
        return None;
    }
    let is_name = |name: &Cursor<'_>| name.kind() == Kind::String && (3..=LONGEST).contains(&name.raw().len());
    let names: Vec<_> = list.items().filter(is_name).map(|name| name.raw()).collect();
    let is_whole = names.len() == width && names.iter().collect::<HashSet<_>>().len() == width;
    is_whole.then_some(names)
}

/// Whether the first list differs from all others as a header does: no name comes again in its column, and there is a
/// column of which nothing else is a string, or all else begins with a digit and the name has none.
fn is_header(names: &[&str], lists: Cursor<'_>) -> bool {
    let mut differs: Vec<(bool, bool)> =
        names.iter().map(|name| (true, !name.bytes().any(|byte| byte.is_ascii_digit()))).collect();
    let mut present = vec![false; names.len()];
    for list in lists.items().skip(1) {
        for (place, value) in list.items().enumerate() {
            let (Some(name), Some(differs)) = (names.get(place), differs.get_mut(place)) else { return false };
            if value.raw() == *name {
                return false;
            }
            if value.kind() == Kind::Null {
                continue;
            }
            present[place] = true;
            differs.0 &= value.kind() != Kind::String;
            differs.1 &=
                value.raw().trim_start_matches(['"', '$', '-']).starts_with(|first: char| first.is_ascii_digit());
        }
    }
    differs.into_iter().zip(present).any(|(differs, present)| present && (differs.0 || differs.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    fn names(text: &str) -> (String, bool) {
        let document = Document::parse(text, 8).expect("JSON");
        let root = document.root();
        let lists = match root.kind() {
            Kind::Object => root.members().last().expect("a member").1,
            _ => root,
        };
        let names = Names::of(lists, 3, Some(root));
        (names.list.concat(), names.is_first_list)
    }

    #[test]
    fn data_is_no_header() {
        for text in [
            r#"[["alice0","la","active"],["alice1","ny","active"],["alice2","la","gone"]]"#,
            r#"[["a","b","c"],["d","e","f"],["g","h","i"]]"#,
            r#"[["a","a","c"],[1,2,3],[1,2,3]]"#,
            r#"[["a","b","c"],[1,"b",3],[1,"x",3]]"#,
            r#"[["a","b",1],[1,"y",3],[1,"x",3]]"#,
            r#"[["a","b"],[1,2,3],[1,2,3]]"#,
            r#"[["a","b","c"],[null,"y","z"],[null,"x","z"]]"#,
            r#"{"columns":["a","b"],"rows":[["x","y","z"],["u","v","w"]]}"#,
        ] {
            assert_eq!(names(text), (String::new(), false), "{text}");
        }
    }

    #[test]
    fn a_first_list_unlike_the_others_is_a_header() {
        let all = (r#""a""b""c""#.to_owned(), true);
        assert_eq!(names(r#"[["a","b","c"],[1,"y",null],[2,"x",3]]"#), all);
        assert_eq!(names(r#"[["a","b","c"],["2024-05-01","y","z"],["2024-05-02","x","z"]]"#), all);
    }

    #[test]
    fn a_list_of_names_beside_the_rows_is_better() {
        let text = r#"{"Columns":["a","b","c"],"rows":[["x","y","z"],["u","v","w"]]}"#;
        assert_eq!(names(text), (r#""a""b""c""#.to_owned(), false));
    }
}
