//! The tables of what was measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::case::{Case, Found, Share};
use super::measure::{Measured, Row};
use crate::table::{Table, grouped};

/// Sums of rows.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    cases: usize,
    before: u64,
    after: u64,
    found: Found,
    milliseconds: f64,
    failed: usize,
}

impl Sum {
    fn add(&mut self, row: &Row) {
        self.cases += 1;
        self.before += row.before;
        self.after += row.after;
        self.found.asked.add(row.found.asked);
        self.found.latent.add(row.found.latent);
        self.found.recoverable.add(row.found.recoverable);
        self.milliseconds += row.milliseconds;
        self.failed += usize::from(row.is_failed);
    }

    /// `86.3 % · 14/14`: the share saved and the needles of the question that are visible.
    fn saved_and_asked(&self) -> String {
        format!("{} · {}", saved(self.before, self.after), self.found.asked)
    }
}

/// A row a case, then one a kind, then the total; with times where these are asked for.
pub(super) fn cases(cases: &[Case], measured: &Measured, is_timed: bool) -> [Table; 2] {
    let heads = ["kind", "before", "after", "saved", "asked", "latent", "recoverable", "ms"];
    let heads = &heads[..heads.len() - usize::from(!is_timed)];
    let mut each = Table::new(std::iter::once("case").chain(heads.iter().copied()));
    for (case, row) in cases.iter().zip(&measured.rows) {
        let mut sum = Sum::default();
        sum.add(row);
        each.push([case.name.clone(), case.kind.clone()].into_iter().chain(cells(&sum, is_timed)));
    }
    let mut kinds = Table::new(["kind", "cases"].into_iter().chain(heads[1..].iter().copied()));
    for (kind, sum) in sums(cases, measured) {
        kinds.push([kind, sum.cases.to_string()].into_iter().chain(cells(&sum, is_timed)));
    }
    [each, kinds]
}

/// A row a kind, then the total: what is saved, without needles, which a lossless form may spell in two places.
pub(super) fn shares(cases: &[Case], measured: &Measured) -> Table {
    let mut kinds = Table::new(["kind", "cases", "before", "after", "saved"]);
    for (kind, sum) in sums(cases, measured) {
        let (cases, before, after) = (sum.cases.to_string(), sum.before.to_string(), sum.after.to_string());
        kinds.push([kind, cases, before, after, saved(sum.before, sum.after)]);
    }
    kinds
}

/// Fails when less is saved of a kind than its floor, in percent, asks for.
pub(super) fn ensure_floors(cases: &[Case], measured: &Measured, floors: &[(&str, u64)]) -> Result<()> {
    for (kind, sum) in sums(cases, measured) {
        let floor = floors.iter().find(|(name, _)| *name == kind).map_or(0, |(_, floor)| *floor);
        let share = saved(sum.before, sum.after);
        ensure!(sum.after * 100 <= sum.before * (100 - floor), "{kind}: expected {floor} % saved, found {share}");
    }
    Ok(())
}

fn cells(sum: &Sum, is_timed: bool) -> Vec<String> {
    let Found { asked, latent, recoverable } = sum.found;
    let mut cells = vec![
        sum.before.to_string(),
        sum.after.to_string(),
        saved(sum.before, sum.after),
        asked.to_string(),
        latent.to_string(),
        recoverable.to_string(),
    ];
    if is_timed {
        cells.push(format!("{:.1}", sum.milliseconds));
    }
    cells
}

/// Kind by kind, beside the peers: shares saved, asked needles visible, who has fewest tokens and who most needles; then
/// what else the totals say.
pub(super) fn comparison(cases: &[Case], ours: &Measured, peers: &[Measured]) -> [Table; 2] {
    let all: Vec<(&str, Vec<(String, Sum)>)> =
        std::iter::once(ours).chain(peers).map(|one| (one.name.as_str(), sums(cases, one))).collect();
    let names = all.iter().map(|(name, _)| *name);
    let mut kinds =
        Table::new(std::iter::once("kind").chain(names.clone()).chain(["fewest tokens", "most asked needles"]));
    let mut totals = Table::new(["", "tokens after", "saved", "asked", "latent", "recoverable", "failed cases", "ms"]);
    for at in 0..all[0].1.len() {
        let of_kind: Vec<(&str, Sum)> = all.iter().map(|(name, sums)| (*name, sums[at].1)).collect();
        let fewest = best(&of_kind, |sum| std::cmp::Reverse(sum.after));
        let most = best(&of_kind, |sum| sum.found.asked.0);
        let shown = of_kind.iter().map(|(_, sum)| sum.saved_and_asked());
        kinds.push(std::iter::once(all[0].1[at].0.clone()).chain(shown).chain([fewest, most]));
    }
    for (name, sums) in &all {
        let Some((_, sum)) = sums.last() else { continue };
        let Found { asked, latent, recoverable } = sum.found;
        totals.push([
            (*name).to_owned(),
            grouped(sum.after),
            saved(sum.before, sum.after),
            asked.to_string(),
            latent.to_string(),
            recoverable.to_string(),
            sum.failed.to_string(),
            format!("{:.0}", sum.milliseconds),
        ]);
    }
    [kinds, totals]
}

/// Who has the best figure; several when they are even.
fn best<K: Ord>(of_kind: &[(&str, Sum)], key: impl Fn(&Sum) -> K) -> String {
    let Some(highest) = of_kind.iter().map(|(_, sum)| key(sum)).max() else { return String::new() };
    let even: Vec<_> = of_kind.iter().filter(|(_, sum)| key(sum) == highest).map(|(name, _)| *name).collect();
    if even.len() == of_kind.len() { "all".into() } else { even.join(", ") }
}

/// A sentence for every kind in which a peer has fewer tokens or more of the asked needles.
pub(super) fn losses(cases: &[Case], ours: &Measured, peers: &[Measured]) -> String {
    let mut out = String::new();
    let own = sums(cases, ours);
    for peer in peers {
        for ((kind, own), (_, theirs)) in own.iter().zip(sums(cases, peer)) {
            let (Share(asked, _), Share(their_asked, of)) = (own.found.asked, theirs.found.asked);
            if theirs.after >= own.after && their_asked <= asked {
                continue;
            }
            let both = if theirs.after < own.after && their_asked >= asked { ": both" } else { "" };
            let (name, tokens, own_tokens) = (&peer.name, grouped(theirs.after), grouped(own.after));
            let _ = writeln!(
                out,
                "- {kind}: {name} leaves {tokens} tokens and {their_asked} of {of} asked needles visible, we {own_tokens} \
                 and {asked}{both}"
            );
        }
    }
    out
}

/// Sums by kind, in the order of their names, and of all.
fn sums(cases: &[Case], measured: &Measured) -> Vec<(String, Sum)> {
    let (mut kinds, mut total) = (BTreeMap::<&str, Sum>::new(), Sum::default());
    for (case, row) in cases.iter().zip(&measured.rows) {
        kinds.entry(&case.kind).or_default().add(row);
        total.add(row);
    }
    kinds.into_iter().chain([("total", total)]).map(|(kind, sum)| (kind.to_owned(), sum)).collect()
}

/// The share saved, in tenths of a percent, rounded down.
fn saved(before: u64, after: u64) -> String {
    let (sign, difference) = if after > before { ("-", after - before) } else { ("", before - after) };
    let permille = (difference * 1000).checked_div(before).unwrap_or(0);
    format!("{sign}{}.{} %", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn case(name: &str, kind: &str) -> Case {
        Case::without_needles(name, kind, Value::Null)
    }

    fn measured(name: &str, rows: &[(u64, usize)]) -> Measured {
        let row = |(after, asked): &(u64, usize)| {
            let found = Found { asked: Share(*asked, 2), ..Found::default() };
            Row { before: 100, after: *after, found, milliseconds: 1.0, is_failed: false }
        };
        Measured { name: name.into(), rows: rows.iter().map(row).collect() }
    }

    #[test]
    fn shares_are_rounded_down_and_nothing_of_nothing_is_nothing() {
        assert_eq!(saved(1000, 251), "74.9 %");
        assert_eq!(saved(0, 0), "0.0 %");
        assert_eq!(saved(100, 110), "-10.0 %");
    }

    #[test]
    fn kinds_are_summed_and_times_are_only_where_they_are_asked_for() {
        let all = [case("a", "log"), case("b", "csv"), case("c", "log")];
        let ours = measured("headroom", &[(10, 2), (50, 1), (20, 0)]);
        let [each, kinds] = cases(&all, &ours, false);
        assert!(each.markdown().contains("| b | csv | 100 | 50 | 50.0 % | 1/2 | 0/0 | 0/0 |\n"), "{}", each.markdown());
        assert!(kinds.markdown().contains("| log | 2 | 200 | 30 | 85.0 % | 2/4 |"), "{}", kinds.markdown());
        assert!(kinds.markdown().contains("| total | 3 | 300 | 80 | 73.3 % | 3/6 |"), "{}", kinds.markdown());
        assert!(!kinds.text().contains("ms") && cases(&all, &ours, true)[0].text().contains("1.0"));
    }

    #[test]
    fn a_kind_below_its_floor_is_named() {
        let all = [case("a", "log"), case("b", "csv")];
        let ours = measured("headroom", &[(76, 0), (100, 0)]);
        assert!(ensure_floors(&all, &ours, &[("log", 24), ("json_array", 99)]).is_ok());
        let error = ensure_floors(&all, &ours, &[("log", 25)]).expect_err("a share below its floor");
        assert_eq!(error.to_string(), "log: expected 25 % saved, found 24.0 %");
        assert!(shares(&all, &ours).markdown().contains("| total | 2 | 200 | 176 | 12.0 % |\n"));
    }

    #[test]
    fn a_comparison_says_who_is_ahead_and_names_what_is_lost() {
        let all = [case("a", "log"), case("b", "csv")];
        let ours = measured("headroom", &[(10, 2), (50, 1)]);
        let peers = [measured("other", &[(20, 2), (40, 1)])];
        let [kinds, totals] = comparison(&all, &ours, &peers);
        let kinds = kinds.markdown();
        assert!(kinds.contains("| csv | 50.0 % · 1/2 | 60.0 % · 1/2 | other | all |\n"), "{kinds}");
        assert!(kinds.contains("| log | 90.0 % · 2/2 | 80.0 % · 2/2 | headroom | all |\n"), "{kinds}");
        assert!(totals.markdown().contains("| other | 60 | 70.0 % | 3/4 |"), "{}", totals.markdown());
        let sentence = "- csv: other leaves 40 tokens and 1 of 2 asked needles visible, we 50 and 1: both\n";
        assert_eq!(losses(&all, &ours, &peers), sentence);
    }
}
