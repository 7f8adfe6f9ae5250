//! What of a file a reader can do without at first.

use std::ops::Range;

use super::super::lines::Lines;
use super::kinds::Role;
use super::outline::Item;

/// How much is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// Long bodies only: for lines that were asked for by number.
    Shallow,
    /// Bodies, the rest of comments, the middle of long values.
    Usual,
    /// Also first words of comments, short bodies and what tests are called.
    Deep,
}

/// Lines that can be left out together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fold {
    pub(super) rows: Range<usize>,
    /// The item that they belong to.
    pub(super) item: usize,
}

/// Bodies of fewer bytes stay: a gap costs about half of it.
///
/// # Sources
/// Chosen by hand: a label is some eight tokens.
const MIN_BYTES: [usize; 3] = [1200, 90, 60];

/// Values and statements of no more lines stay, and as many lines of longer values: enough to see what is in them.
const VALUE_LINES: usize = 24;
const VALUE_HEAD_LINES: usize = 6;

/// A function in which functions take at least half of the lines, and that is longer than this, is shown around them: a
/// factory, a component, a group of tests.
const MIN_HOLDER_LINES: usize = 40;

/// Lists what can be left out, in order, none within another.
pub(super) fn folds(items: &[Item], lines: &Lines<'_>, depth: Depth) -> Vec<Fold> {
    let inner = lines_of_functions(items, |_| true);
    let inner_named = lines_of_functions(items, |item| !item.name.is_empty());
    // Whether the lines of an item are shown, as far as what is in it does not say otherwise.
    let mut is_open: Vec<bool> = Vec::with_capacity(items.len());
    let mut folds = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let is_shown = item.parent.is_none_or(|parent| is_open.get(parent).copied().unwrap_or_default());
        let holds = inner.get(at).copied().unwrap_or_default();
        let rows = match item.role {
            _ if !is_shown => None,
            Role::Type if depth == Depth::Deep && is_test(item) => Some(item.body.clone()),
            Role::Function => {
                // What a function hands on to others is its own work; a function without a name is often a frame.
                let inner = if item.name.is_empty() { &inner } else { &inner_named };
                let holds = inner.get(at).copied().unwrap_or_default();
                let is_holder = item.rows.len() > MIN_HOLDER_LINES && holds * 2 >= item.rows.len();
                let start = if depth == Depth::Deep && !item.body.is_empty() { item.head_end } else { item.body.start };
                (!is_holder).then_some(start..item.body.end)
            }
            Role::Comment if depth == Depth::Deep => Some(item.rows.clone()),
            Role::Comment => (item.body.len() > 1).then(|| item.body.clone()),
            Role::Literal | Role::Statement if holds > 0 || item.rows.len() <= VALUE_LINES => None,
            Role::Literal => Some(item.body.start + VALUE_HEAD_LINES - 1..item.body.end),
            Role::Statement => Some(item.body.clone()),
            Role::Type | Role::Other => None,
        };
        is_open.push(is_shown && rows.is_none());
        let min_bytes = MIN_BYTES.get(depth as usize).copied().unwrap_or_default();
        folds.extend(
            rows.filter(|rows| lines.span(rows.start, rows.end).len() >= min_bytes).map(|rows| Fold { rows, item: at }),
        );
    }
    folds
}

/// How many lines functions that count take within each item.
fn lines_of_functions(items: &[Item], counts: impl Fn(&Item) -> bool) -> Vec<usize> {
    let mut inner = vec![0; items.len()];
    for (at, item) in items.iter().enumerate().rev() {
        let is_counted = item.role == Role::Function && counts(item);
        let own = if is_counted { item.rows.len() } else { inner.get(at).copied().unwrap_or_default() };
        if let Some(outer) = item.parent.and_then(|parent| inner.get_mut(parent)) {
            *outer += own;
        }
    }
    inner
}

/// Whether a module or a class holds tests.
fn is_test(item: &Item) -> bool {
    let name = item.name.to_lowercase();
    name == "test" || name == "tests" || name.starts_with("test_") || name.ends_with("_tests")
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::super::outline::outline;
    use super::super::parse::parse;
    use super::*;

    /// The lines that can be left out, counted from 1.
    fn found(language: Language, code: &str, depth: Depth) -> Vec<String> {
        let items = outline(&parse(code, language).unwrap(), code);
        let folds = folds(&items, &Lines::of(code).unwrap(), depth);
        folds.into_iter().map(|fold| format!("{}-{}", fold.rows.start + 1, fold.rows.end)).collect()
    }

    #[test]
    fn bodies_comments_and_long_values_go_and_small_ones_stay() {
        let values = (0..40).map(|n| format!("    \"name_{n}\": {n},\n")).collect::<String>();
        let code = format!(
            "# Licence.\n# More of it, that nobody reads again in all of this file.\n# And more of the same, as always.\nimport os\n\nSIZES = {{\n{values}}}\n\ndef f():\n    return 1\n\ndef g(a):\n    total = sum(value for value in a if value is not None)\n    print(total, file=os.devnull)\n    return total\n"
        );
        assert_eq!(found(Language::Python, &code, Depth::Usual), ["2-3", "12-47", "53-55"]);
        assert_eq!(found(Language::Python, &code, Depth::Deep), ["1-3", "12-47", "53-55"]);
        assert!(found(Language::Python, &code, Depth::Shallow).is_empty());
    }

    #[test]
    fn a_function_around_functions_is_shown_around_them() {
        let body = "    work('something that takes a line of its own');\n".repeat(9);
        let inner = (0..6).map(|n| format!("  function f{n}() {{\n{body}  }}\n")).collect::<String>();
        let code = format!("module.exports = function (deps) {{\n  const x = 1;\n{inner}  return x;\n}};\n");
        let folds = found(Language::JavaScript, &code, Depth::Usual);
        assert_eq!((folds.len(), &*folds[0], &*folds[5]), (6, "4-13", "59-68"));
    }

    #[test]
    fn values_that_hold_functions_are_shown_around_them() {
        let body = "      work('something that takes a line of its own');\n".repeat(9);
        let code = format!("export default {{\n  name: 'x',\n  methods: {{\n    go() {{\n{body}    }},\n  }},\n}};\n");
        assert_eq!(found(Language::TypeScript, &code, Depth::Usual), ["5-14"]);
    }
}
