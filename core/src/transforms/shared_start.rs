//! Lines that start alike, with the start written once, and the decoder of that form.

const HEAD: &str =
    "[lines by start, without loss: under \"== start\", text stands for start + text; \\: a line of its own]";

/// Starts shorter than this are not worth a heading. In bytes.
///
/// # Sources
/// Chosen by hand.
const MIN_START: usize = 4;

/// So many lines ahead are looked at for a longer start.
///
/// # Sources
/// Chosen by hand; the bound keeps the work linear.
const LOOK_AHEAD: usize = 64;

/// Whether a text starts as this form does.
pub(crate) fn is_encoded(text: &str) -> bool {
    text.starts_with(HEAD)
}

/// Writes what neighbouring lines start with once; a start ends after one of `boundaries`, which are ASCII. Lines of
/// which `is_whole` is true stay as they are, so that what was asked for can be read, and quoted, as it stands.
/// `None` when nothing is shared.
pub(crate) fn encode(text: &str, boundaries: &[u8], is_whole: impl Fn(&str) -> bool) -> Option<String> {
    let lines: Vec<&str> = text.split('\n').collect();
    let shared: Vec<usize> = shared(&lines, boundaries);
    let mut out = String::with_capacity(text.len());
    out.push_str(HEAD);
    let (mut at, mut any) = (0, false);
    while at < lines.len() {
        let (end, length) = group(&shared, at);
        let start = lines[at].get(..length).unwrap_or_default();
        let is_group = end - at > 1 && length >= MIN_START;
        if is_group {
            any = true;
            out.push_str("\n== ");
            out.push_str(start);
        }
        for line in &lines[at..end] {
            out.push('\n');
            let rest = line.get(length..).filter(|rest| is_group && !rest.starts_with(['\\', '=']) && !is_whole(line));
            match rest {
                Some(rest) => out.push_str(rest),
                None => {
                    out.push('\\');
                    out.push_str(line);
                }
            }
        }
        at = end;
    }
    any.then_some(out)
}

/// The inverse of [`encode`]; `None` for a text of another form.
pub(crate) fn decode(encoded: &str) -> Option<String> {
    let body = encoded.strip_prefix(HEAD)?.strip_prefix('\n')?;
    let (mut out, mut start) = (String::with_capacity(body.len() * 2), None);
    for line in body.split('\n') {
        if let Some(next) = line.strip_prefix("== ") {
            start = Some(next);
            continue;
        }
        match line.strip_prefix('\\') {
            Some(whole) => out.push_str(whole),
            None => {
                out.push_str(start?);
                out.push_str(line);
            }
        }
        out.push('\n');
    }
    out.pop()?;
    Some(out)
}

/// How much of the line before each line has too, up to a boundary; nothing for the first.
fn shared(lines: &[&str], boundaries: &[u8]) -> Vec<usize> {
    let of_pair = |pair: &[&str]| match pair {
        [one, other] => {
            let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
            let common = one.as_bytes().get(..same).unwrap_or_default();
            common.iter().rposition(|byte| boundaries.contains(byte)).map_or(0, |last| last + 1)
        }
        _ => 0,
    };
    std::iter::once(0).chain(lines.windows(2).map(of_pair)).collect()
}

/// Where the group that begins with a line ends, and the length of its start.
///
/// A line joins when that costs less than a heading of its own, and begins a new group when enough of those that follow
/// share a longer start.
fn group(shared: &[usize], first: usize) -> (usize, usize) {
    let at = |index: usize| shared.get(index).copied().unwrap_or_default();
    let mut length = at(first + 1);
    if length < MIN_START {
        return (first + 1, 0);
    }
    let mut end = first + 2;
    while end < shared.len() {
        let (next, members) = (at(end), end - first);
        let cost_of_joining = members * length.saturating_sub(next);
        if next < MIN_START || cost_of_joining > next + 4 {
            break;
        }
        let longer = at(end + 1);
        if longer > length {
            let run = shared[end + 1..].iter().take(LOOK_AHEAD).take_while(|shared| **shared >= longer).count() + 1;
            if run * (longer - length) > longer + length + 8 {
                break;
            }
        }
        length = length.min(next);
        end += 1;
    }
    (end, length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_folder_is_written_once() {
        let text = "./a.txt\n./src/algo/one.rs\n./src/algo/two.rs\n./src/algo/three.rs\n./src/visit/dfs.rs\n./src/visit/bfs.rs\n";
        let encoded = encode(text, b"/", |line| line.ends_with("two.rs")).unwrap();
        let expected =
            "\n\\./a.txt\n== ./src/algo/\none.rs\n\\./src/algo/two.rs\nthree.rs\n== ./src/visit/\ndfs.rs\nbfs.rs\n\\";
        assert_eq!(encoded.strip_prefix(HEAD), Some(expected));
        assert_eq!(decode(&encoded).as_deref(), Some(text));
    }

    #[test]
    fn lines_without_a_common_start_are_left_alone() {
        for text in ["", "\n", "one\ntwo\nthree", "a/b\nc/d\n"] {
            assert_eq!(encode(text, b"/", |_| false), None);
        }
        assert_eq!(decode("one\ntwo"), None);
        assert_eq!(decode(HEAD), None);
        assert_eq!(decode(&format!("{HEAD}\nno start yet")), None);
    }

    #[test]
    fn long_texts_take_linear_time() {
        let started = std::time::Instant::now();
        for unit in ["a/", "aaaa/a\n", "/\n", "aaaa/bbbb/\naaaa/c\n", "== \\", "\n"] {
            let text = unit.repeat(2_000_000 / unit.len());
            if let Some(encoded) = encode(&text, b"/", |_| false) {
                assert_eq!(decode(&encoded).as_deref(), Some(&*text));
            }
        }
        assert!(started.elapsed().as_secs() < 20);
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding(text in "((abcd/|ef,ghi,|==? ?|\\\\|é/|x)?(abcd/|jk,|ü)?[a-c,/=\\\\]{0,4}\r?\n?){0,40}") {
            if let Some(encoded) = encode(&text, b"/,", |line| line.ends_with('a')) {
                prop_assert_eq!(decode(&encoded), Some(text));
            }
        }

        #[test]
        fn decoding_anything_never_panics(body in "(==? |\\\\|\\PC|\n){0,60}") {
            let _ = decode(&body);
            let _ = decode(&format!("{HEAD}\n{body}"));
        }
    }
}
