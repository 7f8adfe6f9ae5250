//! Words: which say nothing, which ask for an extreme, and which forms of an English word are the same.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Words that say nothing about what is asked: English, and the most frequent of German, French, Spanish, Portuguese,
/// Italian and Dutch that are no content words of English.
///
/// # Sources
/// Chosen by hand.
const STOP_WORDS: &str = " a about above after again all also although am an and another any anybody anyone anything are \
    as at be because been before being below between both but by can cannot could did do does doing done down during each \
    either else etc ever every everything few find for from further get gets give gives go going got had happen happened \
    happens has have having he help her here hers him his how however i if im in into is it its itself ive just kindly know \
    let lets like list look looking looks made make makes many may me might more most much must my need needs neither no \
    nor not now of off ok okay on once one ones only or other our ours out over own please put rather really same say says \
    see seem seems shall she should show shows since so some somebody someone something still such take tell than thank \
    thanks that the their them then there these they thing things this those though through to too try trying two under \
    until up upon us use used using very want wants was way we well went were what whatever when where whether which while \
    who whoever whole whom whose why will with within without would yes yet you your yours e.g i.e a.m p.m vs \
    isn't aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't shouldn't haven't hasn't it's what's \
    that's there's let's i'm i've i'd i'll we're we've we'll you're you've they're \
    der das und ist nicht ein eine einen einem einer mit von zu zum zur auf für im den dem des wie welche welcher welches \
    wann wo warum sind wird werden auch es ich wir sie bitte alle oder aber als bei aus nach durch kein keine gibt hat \
    le la les un une et est que qui quel quelle quels quelles dans pour avec sur ne pas du au aux ce cette ces il elle ils \
    nous vous je tous toutes où quand pourquoi sont \
    el los las una y es por para con como qué cuál cuáles dónde cuándo cómo del al se su sus lo hay son está están muestra \
    o os um uma e é em no na nos nas dos das não qual quais onde quando porque são está \
    il gli uno di che non per con come quale quali dove perché sono della delle dei nel nella più \
    het een ik niet voor met zijn welke ";

/// English words that ask for the extreme of a column or list.
///
/// # Sources
/// Chosen by hand; English only.
const EXTREME_WORDS: &str = " most least largest biggest greatest smallest highest lowest earliest latest newest oldest max \
    maximum maximal maxima min minimum minimal minima worst best longest shortest slowest fastest top peak \
    strongest weakest heaviest lightest deepest hottest coldest busiest cheapest priciest closest farthest furthest \
    extreme extremes outlier outliers ";

/// Whether a lower-case word says nothing about what is asked.
pub(crate) fn is_stop_word(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP_WORDS.split_ascii_whitespace().collect());
    WORDS.contains(word)
}

/// Whether a lower-case word asks for an extreme.
pub(super) fn is_extreme_word(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| EXTREME_WORDS.split_ascii_whitespace().collect());
    WORDS.contains(word)
}

/// The stem of a lower-case English word: without plural `s`, `es`, `ies`, without `ed`, `ied`, `ing`, and without a final
/// `e` or `y`, if at least three letters stay. A word that is not all ASCII letters stays as it is.
///
/// Light on purpose: `connection` and `connect` stay two words, and the stem is matched only with the endings of
/// [`is_inflection`].
///
/// # Sources
/// Chosen by hand; the idea is step 1 of Porter's stemmer (1980).
pub(crate) fn stem(word: &str) -> &str {
    if word.len() < 4 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return word;
    }
    let keeps_s = ["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    for ending in ["ying", "ies", "ied", "ing", "ed", "es", "s", "e", "y"] {
        let Some(stem) = word.strip_suffix(ending) else { continue };
        if stem.len() < 3 || (ending.ends_with('s') && keeps_s) || !stem.bytes().any(|byte| b"aeiouy".contains(&byte)) {
            continue;
        }
        return match stem.as_bytes() {
            // `stopped`, `running`: the doubled consonant belongs to the ending.
            [.., before, last]
                if matches!(ending, "ing" | "ed")
                    && before == last
                    && !b"aeiouslz".contains(last)
                    && stem.len() > 3 =>
            {
                stem.get(..stem.len() - 1).unwrap_or(stem)
            }
            _ => stem,
        };
    }
    word
}

/// Whether `ending`, the letters between a stem and the end of the word in a text, makes another form of the same word.
/// Upper and lower case are the same.
pub(super) fn is_inflection(stem: &[u8], ending: &[u8]) -> bool {
    const ENDINGS: [&[u8]; 10] = [b"", b"e", b"s", b"es", b"ed", b"ing", b"y", b"ies", b"ied", b"ying"];
    if stem.len() < 3 {
        return ending.is_empty() || ending.eq_ignore_ascii_case(b"s");
    }
    if ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)) {
        return true;
    }
    match (stem, ending) {
        ([.., last], [doubled, rest @ ..]) => {
            last.eq_ignore_ascii_case(doubled)
                && (rest.eq_ignore_ascii_case(b"ed") || rest.eq_ignore_ascii_case(b"ing"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_meet() {
        for forms in [
            &["fail", "fails", "failed", "failing"][..],
            &["close", "closes", "closed", "closing"],
            &["retry", "retries", "retried", "retrying"],
            &["stop", "stops", "stopped", "stopping"],
            &["error", "errors"],
            &["query", "queries"],
            &["address", "addresses"],
            &["crash", "crashes", "crashed"],
        ] {
            for asked in forms {
                let stem = stem(asked);
                for written in forms {
                    let ending = written.strip_prefix(stem).map(str::as_bytes);
                    assert!(
                        ending.is_some_and(|ending| is_inflection(stem.as_bytes(), ending)),
                        "{asked} {written} {stem}"
                    );
                }
            }
        }
    }

    #[test]
    fn other_words_stay_apart() {
        for (asked, written) in
            [("connect", "connection"), ("status", "statue"), ("class", "clad"), ("string", "strap")]
        {
            let stem = stem(asked);
            let ending = written.strip_prefix(stem).map(str::as_bytes);
            assert!(!ending.is_some_and(|ending| is_inflection(stem.as_bytes(), ending)), "{asked} {written} {stem}");
        }
        assert_eq!(stem("größe"), "größe");
    }

    #[test]
    fn lists_are_looked_up_by_whole_words() {
        assert!(is_stop_word("the") && is_stop_word("welche") && !is_stop_word("he the") && !is_stop_word(""));
        assert!(is_extreme_word("highest") && !is_extreme_word("high"));
    }
}
