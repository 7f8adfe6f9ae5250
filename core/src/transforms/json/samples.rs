//! How samples read.

use super::tests::{orders, subset_of};

#[test]
fn an_exception_reads_as_no_cell() {
    let rows: Vec<_> = (0..600)
        .map(|id| match id {
            300 => format!("{{\"id\":{id},\"desc\":\"step {id}\",\"retries\":0,\"note\":\"retries=7\"}}"),
            301 => format!("{{\"id\":{id},\"desc\":\"step {id}\",\"retries\":7}}"),
            _ => format!("{{\"id\":{id},\"desc\":\"step {id}\",\"retries\":0,\"note\":\"n{id}\"}}"),
        })
        .collect();
    let subset = subset_of(&format!("[{}]", rows.join(",")), "which has retries 7?");
    assert!(subset.contains("300\tstep 300\tretries=7\n"), "{subset}");
    assert!(subset.contains("301\tstep 301\t@retries=7\n"), "{subset}");
    assert!(subset.contains("\tunless a row says otherwise (@name=value): retries=0\n"), "{subset}");
}

#[test]
fn columns_are_the_same_only_with_the_same_types() {
    let rows: Vec<_> = (0..600)
        .map(|id| format!("{{\"a\":{0},\"b\":\"{0}\",\"c\":{0},\"d\":\"some words {1}\"}}", 10_000 + id, id * 7))
        .collect();
    let subset = subset_of(&format!("[{}]", rows.join(",")), "");
    assert!(subset.contains("\tc=(a)") && !subset.contains("b=(a)"), "{subset}");
}

#[test]
fn the_summary_tells_how_many_rows_it_counts() {
    let rows: Vec<_> = (0..600)
        .map(|id| match id % 50 {
            7 => "[0]".to_owned(),
            _ if matches!(id, 211 | 413) => format!("{{\"id\":{id},\"desc\":\"step {id}\",\"sev\":\"s{id}\"}}"),
            _ => format!("{{\"id\":{id},\"desc\":\"step {id}\"}}"),
        })
        .collect();
    let subset = subset_of(&format!("[{}]", rows.join(",")), "");
    assert!(subset.contains("computed over 588 of 600 rows: id 0..599 588 distinct"), "{subset}");
    assert!(subset.contains("; sev in 2 rows, 2 distinct\n"), "{subset}");
    assert!(subset.contains("@sev=\"s211\"") && subset.contains("@sev=\"s413\""), "{subset}");
}

#[test]
fn a_sample_ends_with_the_count_of_its_values() {
    let rows: Vec<_> =
        (0..8).map(|id| format!("{{\"id\":{id},\"text\":\"{}\"}}", format!("words {id} ").repeat(300))).collect();
    let subset = subset_of(&format!("[{}]", rows.join(",")), "");
    assert!(
        subset.contains("\n[all 8 rows shown, values of them left out or cut]\n]\n[8/16 values shown; "),
        "{subset}"
    );
    let subset = subset_of(&orders(2000), "");
    assert!(subset.contains("/2000 rows shown; "), "{subset}");
    let last = subset.lines().last().expect("a line");
    assert!(last.contains("/10000 values shown; headroom_retrieve hash="), "{subset}");
}

#[test]
fn a_long_value_that_all_rows_have_is_cut_like_any_other() {
    let licence = "Some terms apply to this. ".repeat(30);
    let rows: Vec<_> =
        (0..2000).map(|id| format!("{{\"id\":{id},\"text\":\"{licence}end\",\"n\":{}}}", id % 7)).collect();
    let text = format!("[{}]", rows.join(","));
    let subset = subset_of(&text, "");
    let header = subset.lines().nth(1).expect("a header");
    assert!(
        header.starts_with("[2000 rows: id\tn\tin every row: text=\"Some terms") && header.ends_with("…\""),
        "{header}"
    );
}

#[test]
fn lists_are_named_by_what_stands_beside_them_and_never_by_data() {
    let rows = |header: &str| {
        let rows: Vec<_> = (0..600).map(|id| format!("[\"user {id}\",\"city {}\",\"active\"]", id % 9)).collect();
        format!("{header}[{}]", rows.join(","))
    };
    let subset = subset_of(&format!("{{\"columns\":[\"name\",\"city\",\"state\"],\"rows\":{}}}", rows("")), "");
    assert!(subset.contains("[600 lists: name\tcity\tin every row: state=\"active\"\nuser 0\t"), "{subset}");
    let subset = subset_of(&rows(""), "");
    assert!(subset.contains("[600 lists: [0]\t[1]\tin every row: [2]=\"active\"\nuser 0\t"), "{subset}");
}

#[test]
fn a_header_among_lists_is_no_row() {
    let rows: Vec<_> = (0..600).map(|id| format!("[{id},\"user {id}\"]")).collect();
    let subset = subset_of(&format!("[[\"id\",\"name\"],{}]", rows.join(",")), "");
    assert!(subset.contains("[600 lists: id\tname\n0\tuser 0\n"), "{subset}");
    assert!(subset.contains("computed over all 600: id 0..599 600 distinct; name 600 distinct\n"), "{subset}");
}
