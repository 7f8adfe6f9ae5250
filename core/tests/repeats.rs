//! References to repeated content are true: with the earlier blocks at hand, they give the text back.

use headroom_core::ccr::{Hash, markers_in};
use headroom_core::transforms::{Repeats, Shown, Sighting};
use proptest::prelude::*;

fn sighting(message: usize, text: &str) -> Sighting<'_> {
    Sighting { message: Some(message), tool_name: "read_file", arguments: "", text, hash: None, eligible: true }
}

/// Rebuilds a block from its reference and the blocks before it; lines of the texts hold no brackets.
fn resolve(reference: &str, blocks: &[String]) -> String {
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let range = |text: &str| text.split_once('-').map(|(a, b)| number(a) - 1..number(b)).expect("a range");
    let mut earlier: &str = "";
    let mut text = String::new();
    for line in reference.split_inclusive('\n') {
        let Some(label) = line.strip_prefix('[') else {
            text.push_str(line);
            continue;
        };
        if label.contains(" shown; headroom_retrieve hash=") {
            break;
        }
        if let Some((_, rest)) = label.split_once("messages[") {
            earlier = &blocks[number(rest.split(']').next().expect("an index"))];
            if label.starts_with("same as ") {
                return earlier.to_owned();
            }
        } else {
            let (here, its) =
                label.trim_end_matches("]\n").trim_start_matches("lines ").split_once(" as its ").expect("ranges");
            let lines: Vec<&str> = earlier.split_inclusive('\n').collect();
            assert_eq!(range(here).len(), range(its).len());
            assert_eq!(text.split_inclusive('\n').count(), range(here).start, "the label stands in its place");
            lines[range(its)].iter().for_each(|line| text.push_str(line));
        }
    }
    text
}

/// An edit of a block: at a line, how many lines go, and which come.
fn edit() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<String>)> {
    (any::<prop::sample::Index>(), 0..3_usize, prop::collection::vec("[a-f ]{0,20}", 0..3))
}

proptest! {
    #[test]
    fn a_reference_and_the_earlier_blocks_give_the_text_back(
        lines in prop::collection::vec("[a-d]{0,3} [a-z]{0,12}", 1..90),
        edits in prop::collection::vec(prop::collection::vec(edit(), 0..4), 1..6),
        shown in prop::collection::vec(0..4_u8, 6),
    ) {
        let mut lines = lines;
        let mut blocks = vec![lines.join("\n")];
        for edits in edits {
            for (at, gone, come) in edits {
                let at = at.index(lines.len() + 1);
                lines.splice(at..(at + gone).min(lines.len()), come);
            }
            blocks.push(lines.join("\n"));
        }
        let mut repeats = Repeats::new();
        let mut visible = Vec::new();
        for (index, text) in blocks.iter().enumerate() {
            if let Some(repeat) = repeats.see(sighting(index, text)) {
                prop_assert_eq!(repeat.hash, Hash::of(text));
                prop_assert_eq!(markers_in(&repeat.text).collect::<Vec<_>>(), [repeat.hash]);
                let named = repeat.text.split("messages[").nth(1).and_then(|rest| rest.split(']').next());
                let named: usize = named.and_then(|name| name.parse().ok()).expect("a block is named");
                prop_assert!(visible.contains(&named), "{named} is not shown");
                let resolved = resolve(&repeat.text, &blocks);
                // The last line break of a text is not part of a reference.
                prop_assert_eq!(resolved.strip_suffix('\n').unwrap_or(&resolved), text.strip_suffix('\n').unwrap_or(text));
                repeats.settle(Shown::Repeat);
            } else if shown[index] == 0 {
                repeats.settle(Shown::Subset("a part"));
            } else {
                visible.push(index);
                repeats.settle(Shown::Whole);
            }
        }
    }

    #[test]
    fn what_comes_later_changes_nothing(texts in prop::collection::vec("([a-c]{1,9}\n){20,60}", 1..8), cut in 0..8_usize) {
        let see = |texts: &[String]| {
            let mut repeats = Repeats::new();
            let mut found = Vec::new();
            for (index, text) in texts.iter().enumerate() {
                let repeat = repeats.see(Sighting { message: Some(index), tool_name: "", arguments: "", text, hash: None, eligible: true });
                repeats.settle(if repeat.is_some() { Shown::Repeat } else { Shown::Whole });
                found.push(repeat);
            }
            found
        };
        let doubled: Vec<String> = texts.iter().chain(&texts).cloned().collect();
        let cut = cut.min(doubled.len());
        prop_assert_eq!(see(&doubled[..cut]), see(&doubled)[..cut].to_vec());
    }

    #[test]
    fn any_text_is_looked_at_without_a_panic(texts in prop::collection::vec(any::<String>(), 1..5), arguments in any::<String>()) {
        let texts: Vec<String> = texts.iter().map(|text| text.repeat(40)).collect();
        let mut repeats = Repeats::new();
        for text in texts.iter().chain(&texts) {
            let sighting = Sighting { message: None, tool_name: "t", arguments: &arguments, text, hash: None, eligible: true };
            let repeat = repeats.see(sighting);
            repeats.settle(if repeat.is_some() { Shown::Repeat } else { Shown::Subset("x") });
        }
    }
}
