//! How the kept lines of an exposition are written.

use std::fmt::Write as _;

use super::parse::{Families, Family, Series};
use crate::transforms::lines::Lines;

/// Metrics of which nothing is shown that one label names.
const MAX_NAMED: usize = 16;

/// When the names of metrics of which nothing is shown take more than this, the others are counted. In bytes.
const MAX_INDEX: usize = 8 * 1024;

/// Longer names are cut. In bytes.
const LONGEST: usize = 100;

/// Writes the kept lines, and behind those of each metric what is left out of it.
pub(super) fn write(lines: &Lines<'_>, families: &Families<'_>, keep: &[bool]) -> String {
    let mut out = String::from("[metrics; HELP and TYPE left out unless shown]\n");
    let is_kept = |line: usize| keep.get(line).is_some_and(|kept| *kept);
    let mut strange = families.strange.iter().copied().filter(|at| is_kept(*at)).peekable();
    let mut hidden: Vec<&Family<'_>> = Vec::new();
    let mut index_bytes = 0;
    for family in &families.list {
        let first = family.help.into_iter().chain(family.series.first().map(|series| series.line)).min();
        while let Some(at) = strange.next_if(|at| first.is_some_and(|first| *at < first)) {
            name_hidden(&mut hidden, &mut index_bytes, &mut out);
            show(lines.get(at), &mut out);
        }
        let shown = family.series.iter().filter(|series| is_kept(series.line)).count();
        let help = family.help.filter(|help| is_kept(*help));
        if shown == 0 && help.is_none() {
            hidden.push(family);
            continue;
        }
        name_hidden(&mut hidden, &mut index_bytes, &mut out);
        if let Some(help) = help {
            show(lines.get(help), &mut out);
        }
        for series in family.series.iter().filter(|series| is_kept(series.line)) {
            show(lines.get(series.line), &mut out);
        }
        if shown < family.series.len() {
            let _ = write!(out, "[{} more series", family.series.len() - shown);
            if let Some((name, count, min, max)) = range(&family.series) {
                let of = if name == family.name { "" } else { name.strip_prefix(family.name).unwrap_or(name) };
                let _ = write!(
                    out,
                    "; computed over all {count}{}{of}: {min}..{max}",
                    if of.is_empty() { "" } else { " of " }
                );
            }
            out.push_str("]\n");
        }
    }
    name_hidden(&mut hidden, &mut index_bytes, &mut out);
    strange.for_each(|at| show(lines.get(at), &mut out));
    out
}

fn show(line: &str, out: &mut String) {
    out.push_str(line);
    out.push('\n');
}

/// `[3 more metrics and their series: a 1, b_seconds 14, c 2]`: how many series each has.
fn name_hidden(hidden: &mut Vec<&Family<'_>>, index_bytes: &mut usize, out: &mut String) {
    let mut rest: &[&Family<'_>] = hidden;
    while !rest.is_empty() {
        if *index_bytes > MAX_INDEX {
            let series: usize = rest.iter().map(|family| family.series.len()).sum();
            let metrics = if rest.len() == 1 { "metric" } else { "metrics" };
            let _ = writeln!(out, "[{} more {metrics} with {series} series]", rest.len());
            break;
        }
        let (families, others) = rest.split_at(rest.len().min(MAX_NAMED));
        rest = others;
        let start = out.len();
        let metrics = if families.len() == 1 { "metric and its" } else { "metrics and their" };
        let _ = write!(out, "[{} more {metrics} series: ", families.len());
        for (place, family) in families.iter().enumerate() {
            let name = family.name.get(..family.name.floor_char_boundary(LONGEST)).unwrap_or(family.name);
            let name = name.replace(['[', ']'], "?");
            let _ = write!(out, "{}{name} {}", if place > 0 { ", " } else { "" }, family.series.len());
        }
        out.push_str("]\n");
        *index_bytes += out.len() - start;
    }
    hidden.clear();
}

/// The smallest and the largest of the values of series of one name, as they are written, when there are more than three.
fn range<'s>(series: &[Series<'s>]) -> Option<(&'s str, usize, &'s str, &'s str)> {
    let name = series.iter().find(|series| !series.is_bucket())?.name;
    let mut ends: Option<(&Series<'s>, &Series<'s>)> = None;
    let mut count = 0;
    for series in series.iter().filter(|series| series.name == name) {
        if !series.value.is_finite() {
            return None;
        }
        count += 1;
        let (min, max) = ends.unwrap_or((series, series));
        let min = if series.value < min.value { series } else { min };
        let max = if series.value > max.value { series } else { max };
        ends = Some((min, max));
    }
    let (min, max) = ends.filter(|(min, max)| count > 3 && min.value < max.value)?;
    Some((name, count, min.raw, max.raw))
}
