//! Output in columns of fixed width, as commands print it.

use super::grid::Grid;
use super::header;
use super::ruled::fill;
use crate::conversation::ToolCall;
use crate::transforms::lines::Lines;

/// Lines that may follow the last row.
pub(super) const MAX_TAIL: usize = 6;

/// Lines before the header that are looked past, such as the summary of `top`.
const MAX_LINES_BEFORE: usize = 7;

/// Lines that are looked at to find where columns begin.
const SAMPLE_LINES: usize = 200;

/// A line of more columns than this is no header that anyone can read.
const MAX_COLUMNS: usize = 60;

/// Longer lines are no rows. In characters.
const WIDEST: usize = 1000;

/// Tables of fewer rows are left alone.
const MIN_ROWS: usize = 7;

/// Programs whose headers are written in small letters.
const PROGRAMS: [&str; 18] = [
    "df", "free", "netstat", "ss", "route", "arp", "pip", "pip3", "npm", "yarn", "brew", "apt", "dpkg", "conda",
    "nmcli", "iostat", "mpstat", "sar",
];

/// Where columns begin, in characters, in order; the last one takes the rest of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cuts(Vec<usize>);

impl Cuts {
    /// The starts of the runs of dashes of a rule.
    pub(super) fn of_rule(rule: &str) -> Option<Self> {
        let mut starts = Vec::new();
        let mut before = ' ';
        for (at, char) in rule.chars().enumerate() {
            if before == ' ' && char != ' ' {
                starts.push(at);
            }
            before = char;
        }
        (starts.len() <= MAX_COLUMNS).then_some(Self(starts))
    }

    /// The columns that are blank in a header and in all of some lines, up to where the last name begins.
    fn of_lines<'l>(header: &str, lines: impl Iterator<Item = &'l str>) -> Self {
        let mut filled: Vec<bool> = header.chars().map(|char| char != ' ').collect();
        for line in lines {
            for (filled, char) in filled.iter_mut().zip(line.chars()) {
                *filled |= char != ' ';
            }
        }
        let mut starts = Vec::new();
        let mut before = false;
        for (at, is_filled) in filled.into_iter().enumerate() {
            if is_filled && !before {
                starts.push(at);
            }
            before = is_filled;
        }
        // A name in two words stands above two columns when no cell is that long.
        let cuts = Self(starts);
        let named = cuts.cells(header).map(|name| !name.is_empty()).collect::<Vec<_>>();
        Self(cuts.0.into_iter().zip(named).filter(|(_, is_named)| *is_named).map(|(start, _)| start).collect())
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The cells of a line, trimmed.
    pub(super) fn cells<'l>(&self, line: &'l str) -> impl Iterator<Item = &'l str> {
        let mut bytes: Vec<usize> = self.bytes(line).collect();
        if let Some(first) = bytes.first_mut() {
            *first = 0;
        }
        let ends: Vec<usize> = bytes.iter().skip(1).copied().chain([line.len()]).collect();
        bytes.into_iter().zip(ends).map(|(start, end)| line.get(start..end).unwrap_or_default().trim())
    }

    /// Whether a blank stands before every column of a line that reaches so far.
    pub(super) fn are_between(&self, line: &str) -> bool {
        self.bytes(line)
            .filter(|start| *start > 0 && *start < line.len())
            .all(|start| line.as_bytes().get(start - 1).is_some_and(|byte| matches!(byte, b' ' | b'\t')))
    }

    /// The starts as offsets in a line.
    fn bytes<'l>(&'l self, line: &'l str) -> Box<dyn Iterator<Item = usize> + 'l> {
        if line.is_ascii() {
            return Box::new(self.0.iter().map(|start| (*start).min(line.len())));
        }
        let mut offsets = line.char_indices().map(|(at, _)| at).chain(std::iter::repeat(line.len()));
        let mut next = 0;
        Box::new(self.0.iter().map(move |start| {
            let skipped = start.saturating_sub(next);
            next = start + 1;
            offsets.nth(skipped).unwrap_or(line.len())
        }))
    }
}

/// A header of a table, and where its columns begin.
pub(super) struct Header {
    line: usize,
    cuts: Cuts,
}

/// Looks for a header in capitals, or in the way of a program that is known to print one, above lines whose cells stand
/// below its names.
pub(super) fn header(lines: &Lines<'_>, tool: Option<&ToolCall>) -> Option<Header> {
    let is_known = tool.is_some_and(is_known);
    (0..=MAX_LINES_BEFORE).find_map(|at| {
        let line = lines.get(at);
        let is_certain = is_shouted(line);
        let may_be = is_certain || is_known && is_titled(line);
        if !may_be {
            return None;
        }
        let end = lines.count().min(at + 1 + SAMPLE_LINES);
        let last = (at + 1..end).find(|at| lines.get(*at).trim().is_empty()).unwrap_or(end);
        let rows = || (at + 1..last).map(|at| lines.get(at)).filter(|line| line.len() <= 4 * WIDEST);
        if rows().count() < MIN_ROWS {
            return None;
        }
        let cuts = Cuts::of_lines(line, rows());
        let names: Vec<&str> = cuts.cells(line).collect();
        let cells: Vec<Vec<&str>> = rows().map(|row| cuts.cells(row).collect()).collect();
        let is_header = is_certain || header::are_names(&names) && header::differs(&names, &cells);
        (is_header && (3..=MAX_COLUMNS).contains(&cuts.len())).then_some(Header { line: at, cuts })
    })
}

/// Reads a table below a header.
pub(super) fn read(text: &str, lines: &Lines<'_>, header: &Header) -> Option<Grid> {
    let Header { line, cuts } = header;
    let names: Vec<&str> = cuts.cells(lines.get(*line)).collect();
    let grid = Grid::new(names, 0..lines.span(0, line + 1).len() + 1)?;
    fill(grid, text, lines, line + 1, |line, grid, span| {
        let is_row = !line.trim().is_empty();
        if is_row {
            let width = if cuts.are_between(line) { cuts.len() } else { 0 };
            grid.push(span, width, cuts.cells(line));
        }
        is_row
    })
}

/// Three or more names, in capitals: `NAME   READY   STATUS`, `USER PID %CPU`.
fn is_shouted(line: &str) -> bool {
    let letters = line.chars().filter(|char| char.is_alphabetic()).count();
    let capitals = line.chars().filter(|char| char.is_uppercase()).count();
    is_header(line) && letters >= 6 && capitals * 10 >= letters * 9
}

/// Three or more names of which the first has a capital: `Filesystem Size Used`.
fn is_titled(line: &str) -> bool {
    is_header(line) && line.trim_start().starts_with(char::is_alphabetic)
}

fn is_header(line: &str) -> bool {
    let words = line.split_whitespace().count();
    (3..=MAX_COLUMNS).contains(&words)
        && line.len() <= WIDEST
        && !line.contains(['\t', '"', '=', ';', '{', '}', '['])
        && !line.trim_end().ends_with(['.', ':', '!', '?', ','])
        && !line.split_whitespace().any(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether a call runs one of the programs.
fn is_known(tool: &ToolCall) -> bool {
    let words = tool.arguments.split(|char: char| !(char.is_alphanumeric() || matches!(char, '-' | '_' | '.')));
    words.chain([tool.name.as_str()]).any(|word| PROGRAMS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, command: &str) -> Option<(Vec<String>, usize)> {
        let tool = ToolCall {
            name: "bash".into(),
            arguments: format!("{{\"command\":\"{command}\"}}"),
            ..ToolCall::default()
        };
        let lines = Lines::of(text)?;
        let header = header(&lines, Some(&tool))?;
        let names = header.cuts.cells(lines.get(header.line)).map(str::to_owned).collect();
        Some((names, read(text, &lines, &header)?.rows.len()))
    }

    #[test]
    fn columns_of_commands_are_found() {
        let pods = "NAME                     READY   STATUS    RESTARTS       AGE\n".to_owned()
            + &(0..9)
                .map(|pod| format!("web-{pod}-7f9c8d6b5-abcde    1/1     Running   {pod} (3d ago)     12d\n"))
                .collect::<String>();
        assert_eq!(
            names(&pods, "kubectl get pods"),
            Some((["NAME", "READY", "STATUS", "RESTARTS", "AGE"].map(Into::into).to_vec(), 9))
        );
        let processes = "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n".to_owned()
            + &(0..9)
                .map(|pid| format!("root      {:>6}  0.{pid}  0.1 167744 11776 ?        Ss   Nov19   0:0{pid} /sbin/init a b{pid}\n", pid * 999 + 1))
                .collect::<String>();
        assert_eq!(names(&processes, "ps aux").map(|(names, rows)| (names.len(), rows)), Some((11, 9)));
        let disks = "Filesystem      Size  Used Avail Use% Mounted on\n".to_owned()
            + &(0..9)
                .map(|disk| format!("/dev/sda{disk}        50G   {disk}0G   40G  {disk}3% /mnt/data{disk}\n"))
                .collect::<String>();
        assert_eq!(
            names(&disks, "df -h").map(|(names, _)| names[..5].join(",")).as_deref(),
            Some("Filesystem,Size,Used,Avail,Use%")
        );
        assert_eq!(names(&disks, "cat disks"), None);
    }

    #[test]
    fn shouting_prose_and_logs_are_no_tables() {
        for text in [
            "PLEASE READ THIS FIRST\n".to_owned()
                + &"It is a long text with words in it, of any length\nand more\n".repeat(9),
            "STARTING THE SERVER NOW\n".to_owned() + &"2024-05-01 10:00:00 INFO poll took 5 ms\n".repeat(9),
            "WARNING DEPRECATED API\n\n".to_owned() + &"a b c\n".repeat(9),
        ] {
            assert_eq!(names(&text, "df"), None, "{text}");
        }
    }
}
