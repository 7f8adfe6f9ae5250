//! From a block's path to its place in a JSON text.

use super::block::{Path, Segment};
use crate::json::{Cursor, Items};

/// Follows paths through one document. Paths that come in the order in which a walk gives them cost linear time in all,
/// because the way to the previous one is remembered, with how far each list on it has been stepped through.
pub(super) struct Resolver<'d> {
    root: Cursor<'d>,
    way: Vec<Step<'d>>,
}

struct Step<'d> {
    segment: Segment,
    to: Cursor<'d>,
    /// What follows `to` in its list.
    rest: Option<Items<'d>>,
}

impl<'d> Resolver<'d> {
    pub(super) fn new(root: Cursor<'d>) -> Self {
        Self { root, way: Vec::new() }
    }

    /// The value at a path.
    pub(super) fn resolve(&mut self, path: &Path) -> Option<Cursor<'d>> {
        let shared = self.way.iter().zip(&path.0).take_while(|(step, segment)| step.segment == **segment).count();
        let mut left = self.way.drain(shared..).next();
        for segment in &path.0[shared..] {
            let from = self.way.last().map_or(self.root, |step| step.to);
            let (to, rest) = match *segment {
                Segment::Key(key) => (from.get(key).one()?, None),
                Segment::Index(index) => {
                    // Only the first segment that differs stands in the list that was left.
                    let (mut items, skip) = match left.take() {
                        Some(Step { segment: Segment::Index(last), rest: Some(rest), .. }) if last < index => {
                            (rest, index - last - 1)
                        }
                        _ => (from.items(), index),
                    };
                    (items.nth(skip)?, Some(items))
                }
            };
            left = None;
            self.way.push(Step { segment: *segment, to, rest });
        }
        Some(self.way.last().map_or(self.root, |step| step.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    #[test]
    fn finds_every_path_in_any_order() {
        let document = Document::parse(r#"[{"a":["b","c",{"d":"e"}]},"f",{"a":["g"]}]"#, 9).unwrap();
        let (a, d) = (Segment::Key("a"), Segment::Key("d"));
        let at = Segment::Index;
        let paths = [
            (vec![at(0), a, at(0)], Some("\"b\"")),
            (vec![at(0), a, at(2), d], Some("\"e\"")),
            (vec![at(2), a, at(0)], Some("\"g\"")),
            (vec![at(1)], Some("\"f\"")),
            (vec![at(0), a, at(1)], Some("\"c\"")),
            (vec![at(0), a, at(3)], None),
            (vec![at(0), a, at(1)], Some("\"c\"")),
            (vec![at(1), a], None),
            (vec![a], None),
            (vec![at(2)], Some(r#"{"a":["g"]}"#)),
        ];
        for order in [paths.iter().collect::<Vec<_>>(), paths.iter().rev().collect()] {
            let mut resolver = Resolver::new(document.root());
            for (path, expected) in order {
                let found = resolver.resolve(&Path(path.clone()));
                assert_eq!(found.map(|cursor| cursor.raw()), *expected, "{path:?}");
            }
        }
    }
}
