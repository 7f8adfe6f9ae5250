//! The lines of an exposition, by metric.

use crate::transforms::lines::Lines;

/// Expositions of fewer series are left alone.
const MIN_SERIES: usize = 8;

/// Of the lines so many are series or comments of the format, in percent.
const SURE_PERCENT: usize = 97;

/// What the names of series have behind the name of their metric.
const SUFFIXES: [&str; 8] = ["_bucket", "_sum", "_count", "_total", "_created", "_info", "_gsum", "_gcount"];

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Line<'a> {
    /// `# HELP name text`.
    Help(&'a str),
    /// `# TYPE name counter`, `# UNIT …`.
    Type(&'a str),
    /// `name{labels} value`, with its name and value.
    Series(&'a str, &'a str),
    /// A blank line or another comment.
    Other,
}

impl<'a> Line<'a> {
    /// Reads a line; `None` when it is of no exposition.
    pub(super) fn of(line: &'a str) -> Option<Self> {
        let line = line.trim_end();
        let Some(comment) = line.strip_prefix('#') else {
            return if line.is_empty() { Some(Self::Other) } else { series(line) };
        };
        let comment = comment.trim_start();
        let named = |rest: &'a str| rest.split(' ').next().unwrap_or_default();
        if let Some(rest) = comment.strip_prefix("HELP ") {
            return Some(Self::Help(named(rest)));
        }
        match comment.strip_prefix("TYPE ").or_else(|| comment.strip_prefix("UNIT ")) {
            Some(rest) => Some(Self::Type(named(rest))),
            None => Some(Self::Other),
        }
    }
}

/// `name value`, `name{label="text"} value time`, either perhaps with an exemplar behind ` # `.
fn series(line: &str) -> Option<Line<'_>> {
    let line = line.rsplit_once(" # {").map_or(line, |(line, _exemplar)| line);
    let end = line.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')).count();
    let (name, rest) = line.split_at(end);
    let value = match rest.strip_prefix('{') {
        // Braces may stand in the texts of labels; the last one ends them.
        Some(labels) => labels.rsplit_once('}')?.1,
        None => rest,
    };
    let mut words = value.strip_prefix(' ')?.split_ascii_whitespace();
    let value = words.next()?;
    let is_name = !name.is_empty() && !name.ends_with(':') && !name.starts_with(|first: char| first.is_ascii_digit());
    let is_time = words.next().is_none_or(|time| time.parse::<f64>().is_ok());
    // Infinities and NaN are numbers to the parser, too.
    (is_name && value.parse::<f64>().is_ok() && is_time && words.next().is_none()).then_some(Line::Series(name, value))
}

/// Whether nearly all lines of a text are of the format, with the comments that name types or, where these were filtered
/// out, with labels.
pub(super) fn is_exposition(text: &str) -> bool {
    let (mut total, mut known, mut series, mut labelled, mut typed) = (0, 0, 0, 0, false);
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        total += 1;
        match Line::of(line) {
            Some(Line::Series(name, _)) => {
                series += 1;
                known += 1;
                labelled += usize::from(line[name.len()..].starts_with('{') && line.contains("=\""));
            }
            Some(Line::Type(_) | Line::Help(_)) => {
                typed = true;
                known += 1;
            }
            Some(Line::Other) => known += usize::from(line.trim_end() == "# EOF"),
            None => {}
        }
    }
    let is_named = typed || labelled * 10 >= total * 9;
    is_named && series >= MIN_SERIES && known * 100 >= total * SURE_PERCENT
}

/// A series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series<'a> {
    pub(super) line: usize,
    pub(super) name: &'a str,
    pub(super) raw: &'a str,
    pub(super) value: f64,
}

impl Series<'_> {
    /// Whether it counts what is below a limit: of all series the least telling.
    pub(super) fn is_bucket(&self) -> bool {
        self.name.ends_with("_bucket")
    }
}

/// A metric with all its series.
#[derive(Debug, Clone, Default)]
pub(super) struct Family<'a> {
    pub(super) name: &'a str,
    pub(super) help: Option<usize>,
    pub(super) series: Vec<Series<'a>>,
    /// Lines that are neither: types, blank lines, other comments.
    pub(super) others: usize,
}

/// The metrics of an exposition, in order.
#[derive(Debug, Default)]
pub(super) struct Families<'a> {
    pub(super) list: Vec<Family<'a>>,
    /// Lines that are no exposition.
    pub(super) strange: Vec<usize>,
}

impl<'a> Families<'a> {
    /// Groups neighbouring lines of one metric.
    pub(super) fn of(lines: &Lines<'a>) -> Self {
        let mut families = Self::default();
        for (at, line) in lines.iter().enumerate().take(lines.count()) {
            match Line::of(line) {
                Some(Line::Help(name)) => families.family(name).help = Some(at),
                Some(Line::Type(name)) => families.family(name).others += 1,
                Some(Line::Series(name, raw)) => {
                    let value = raw.parse().unwrap_or(f64::NAN);
                    families.family(name).series.push(Series { line: at, name, raw, value });
                }
                Some(Line::Other) => {
                    if let Some(last) = families.list.last_mut() {
                        last.others += 1;
                    }
                }
                None => families.strange.push(at),
            }
        }
        families
    }

    /// The metric of a name: the last one, if it may be, else a new one.
    fn family(&mut self, name: &'a str) -> &mut Family<'a> {
        let belongs = |last: &Family<'_>| {
            name.strip_prefix(last.name).is_some_and(|suffix| suffix.is_empty() || SUFFIXES.contains(&suffix))
        };
        if !self.list.last().is_some_and(belongs) {
            self.list.push(Family { name, ..Family::default() });
        }
        self.list.last_mut().expect("one was pushed if there was none")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        assert_eq!(
            Line::of("a_total{x=\"}\",y=\"b c\"} 1.5e+06 1395066363000"),
            Some(Line::Series("a_total", "1.5e+06"))
        );
        assert_eq!(Line::of("up 1\r"), Some(Line::Series("up", "1")));
        assert_eq!(Line::of("a_bucket{le=\"1\"} 3 # {id=\"x\"} 0.4"), Some(Line::Series("a_bucket", "3")));
        assert_eq!(Line::of("# HELP a some text"), Some(Line::Help("a")));
        assert_eq!(Line::of("#TYPE a counter"), Some(Line::Type("a")));
        for line in ["key value", "1a 2", "a{ 1", "a{} x", "a 1 2 3", "a: 1", " a 1", "{} 1"] {
            assert_eq!(Line::of(line), None, "{line}");
        }
    }

    #[test]
    fn series_belong_to_their_metric() {
        let text = "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 2\na_count 3\nab 4\n# HELP b x\nb_total 1\n";
        let lines = Lines::of(text).unwrap();
        let families = Families::of(&lines);
        let found: Vec<_> = families.list.iter().map(|family| (family.name, family.series.len())).collect();
        assert_eq!(found, [("a", 3), ("ab", 1), ("b", 1)]);
    }
}
