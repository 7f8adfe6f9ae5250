//! The question, and the scores of units against it.

use std::sync::{Arc, OnceLock};

use unicode_segmentation::UnicodeSegmentation;

use super::lexicon::is_extreme_word;
use super::matcher::Matcher;
use super::terms::{self, MAX_TERMS, Term};

/// How fast repetitions of a term in a unit stop counting.
///
/// # Sources
/// Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009): 1.2 to 2.
const K1: f32 = 1.2;

/// How much a unit's length counts against it.
///
/// # Sources
/// As above, 0.5 to 0.8; the low end, because a long log line or row is seldom long for nothing.
const B: f32 = 0.5;

/// A specific term makes units strong when no more than this many hold it, or than the square root of their number.
///
/// # Sources
/// Chosen by hand: a name that is everywhere selects nothing, and the number of distinct things in machine output grows much
/// more slowly than its length.
const STRONG_UNITS: usize = 10;

/// How well one unit answers a question.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Match {
    /// BM25, from 0.0 up; 0.0 is "no term in it". Comparable within one call only.
    pub score: f32,
    /// Whether the unit holds a specific term that few of the units hold: it is to be kept whatever the size.
    pub strong: bool,
}

/// The terms that units hold, each a bit in the order of [`Question::terms`].
#[derive(Debug, Clone, Default)]
pub struct Holdings {
    /// The terms of each unit.
    pub sets: Vec<u64>,
    /// What each term is worth: its weight times its rarity among the units.
    pub weights: Vec<f32>,
    /// The specific terms that few of the units hold.
    pub strong: u64,
}

impl Holdings {
    /// What a set of terms is worth, with a factor for each term.
    pub fn worth(&self, mut set: u64, mut factor: impl FnMut(usize) -> f32) -> f32 {
        let mut worth = 0.0;
        while set != 0 {
            let term = set.trailing_zeros() as usize;
            set &= set - 1;
            worth += self.weights.get(term).copied().unwrap_or_default() * factor(term);
        }
        worth
    }
}

/// The question that conditions relevance: the last user text before a block, and the arguments of the call that
/// produced the block.
///
/// Clones are cheap. The default is the empty question, which every unit scores 0.0 against.
#[derive(Clone, Default)]
pub struct Question(Option<Arc<Inner>>);

struct Inner {
    terms: Vec<Term>,
    asks_extreme: bool,
    /// Built when it is first needed: many questions are never asked of a block.
    matcher: OnceLock<Matcher>,
}

impl Question {
    /// Reads the terms of a question: identifiers, numbers, paths, quoted text and words without stop words.
    ///
    /// `call_arguments` is JSON, whose string values contribute at half the weight, or plain text. Of long texts the start
    /// and the end are read, and at most 64 terms are kept.
    #[must_use]
    pub fn new(user_text: &str, call_arguments: &str) -> Self {
        let terms = terms::read(user_text, call_arguments);
        let asks_extreme = terms::start_and_end(user_text)
            .iter()
            .any(|text| text.unicode_words().any(|word| is_extreme_word(&word.to_ascii_lowercase())));
        if terms.is_empty() && !asks_extreme {
            return Self(None);
        }
        Self(Some(Arc::new(Inner { terms, asks_extreme, matcher: OnceLock::new() })))
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms().is_empty()
    }

    /// What is looked for.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        self.0.as_ref().map_or(&[], |inner| &inner.terms)
    }

    /// Whether the user asks for an extreme: the highest, the latest, the worst (English only). Then the largest and
    /// smallest values of a column belong to the answer.
    #[must_use]
    pub fn asks_extreme(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.asks_extreme)
    }

    /// BM25 of every unit (line, row, sentence) against the question, in order; 0.0 is "no term in it".
    ///
    /// How rare a term is follows from the given units, so a term in nearly all of them weighs next to nothing.
    #[must_use]
    pub fn scores(&self, units: &[&str]) -> Vec<f32> {
        self.matches(units).into_iter().map(|unit| unit.score).collect()
    }

    /// Score and strength of every unit, in order, in one pass.
    #[must_use]
    pub fn matches(&self, units: &[&str]) -> Vec<Match> {
        let (Some(inner), false) = (&self.0, self.is_empty()) else { return vec![Match::default(); units.len()] };
        let hits = Hits::collect(inner.matcher(), units);
        let weights = inner.weights(&hits.units_with, units.len());
        let total_bytes: usize = units.iter().map(|unit| unit.len()).sum();
        let mean_bytes = to_f32(total_bytes).max(1.0) / to_f32(units.len()).max(1.0);
        let mut first = 0;
        let of_unit = |(unit, &end): (&&str, &usize)| {
            let damping = K1 * (1.0 - B + B * to_f32(unit.len()) / mean_bytes);
            let mut found = Match::default();
            for &(term, times) in hits.found.get(first..end).unwrap_or_default() {
                let Some(weight) = weights.get(usize::from(term)) else { continue };
                let times = f32::from(times);
                found.score += weight.score * times * (K1 + 1.0) / (times + damping);
                found.strong |= weight.strong;
            }
            first = end;
            found
        };
        units.iter().zip(&hits.ends).map(of_unit).collect()
    }

    /// Which terms every unit holds, and what each term is worth among these units, in one pass.
    ///
    /// For callers who weigh where a term stands, as in a heading above a unit, and how often it was shown already.
    #[must_use]
    pub fn holdings(&self, units: &[&str]) -> Holdings {
        let (Some(inner), false) = (&self.0, self.is_empty()) else {
            return Holdings { sets: vec![0; units.len()], ..Holdings::default() };
        };
        let hits = Hits::collect(inner.matcher(), units);
        let weights = inner.weights(&hits.units_with, units.len());
        let mut first = 0;
        let of_unit = |&end: &usize| {
            let set =
                hits.found.get(first..end).unwrap_or_default().iter().fold(0_u64, |set, (term, _)| set | 1 << term);
            first = end;
            set
        };
        let sets = hits.ends.iter().map(of_unit).collect();
        let strong = weights.iter().enumerate().fold(0, |set, (term, weight)| set | u64::from(weight.strong) << term);
        Holdings { sets, weights: weights.iter().map(|weight| weight.score).collect(), strong }
    }

    /// Whether one unit holds a specific term: quoted text, an id, a path, a number of three digits and more, or a name with
    /// `_`, `.`, `/`, `-`, digits or inner capitals. [`Self::matches`] also looks at how many units hold it.
    #[must_use]
    pub fn strong_match(&self, unit: &str) -> bool {
        let Some(inner) = &self.0 else { return false };
        let mut strong = false;
        inner.matcher().find(unit, |term| {
            strong = inner.terms.get(term).is_some_and(|term| term.specific);
            !strong
        });
        strong
    }
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("terms", &self.terms()).field("asks_extreme", &self.asks_extreme()).finish()
    }
}

/// What a term contributes to the units at hand.
struct Weight {
    score: f32,
    strong: bool,
}

impl Inner {
    fn matcher(&self) -> &Matcher {
        self.matcher.get_or_init(|| Matcher::new(&self.terms))
    }

    fn weights(&self, units_with: &[usize; MAX_TERMS], units: usize) -> Vec<Weight> {
        let all = to_f32(units);
        let strong_units = units.isqrt().max(STRONG_UNITS);
        self.terms
            .iter()
            .zip(units_with)
            .map(|(term, &with)| {
                let rarity = log2(1.0 + (all - to_f32(with) + 0.5) / (to_f32(with) + 0.5));
                Weight { score: term.weight * rarity, strong: term.specific && with <= strong_units }
            })
            .collect()
    }
}

/// Which terms each unit holds, how often.
struct Hits {
    /// Term and number of occurrences; the units one after the other.
    found: Vec<(u8, u16)>,
    /// Where each unit ends in `found`.
    ends: Vec<usize>,
    /// How many units hold each term.
    units_with: [usize; MAX_TERMS],
}

impl Hits {
    fn collect(matcher: &Matcher, units: &[&str]) -> Self {
        let mut hits = Self { found: Vec::new(), ends: Vec::with_capacity(units.len()), units_with: [0; MAX_TERMS] };
        let mut times = [0_u16; MAX_TERMS];
        for unit in units {
            let mut present = 0_u64;
            matcher.find(unit, |term| {
                if let Some(times) = times.get_mut(term) {
                    *times = times.saturating_add(1);
                    present |= 1 << term;
                }
                true
            });
            while present != 0 {
                let term = present.trailing_zeros() as u8;
                present &= present - 1;
                if let (Some(times), Some(with)) =
                    (times.get_mut(usize::from(term)), hits.units_with.get_mut(usize::from(term)))
                {
                    hits.found.push((term, std::mem::take(times)));
                    *with += 1;
                }
            }
            hits.ends.push(hits.found.len());
        }
        hits
    }
}

#[expect(clippy::cast_precision_loss, reason = "scores need no more than 24 bits")]
fn to_f32(number: usize) -> f32 {
    number as f32
}

/// The binary logarithm of a number from 1.0 up, to about five digits.
///
/// The standard library's logarithm is the platform's and may differ in the last bit; this one is additions,
/// multiplications and divisions alone, so scores are the same everywhere.
fn log2(number: f32) -> f32 {
    let bits = number.to_bits();
    let exponent = f32::from(((bits >> 23) & 0xFF) as u8) - 127.0;
    let mantissa = f32::from_bits((bits & 0x007F_FFFF) | 0x3F80_0000);
    // The series of the inverse hyperbolic tangent, whose factor is 2 / ln 2.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let squared = t * t;
    exponent + 2.885_39 * t * (1.0 + squared * (1.0 / 3.0 + squared * (0.2 + squared * (1.0 / 7.0 + squared / 9.0))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_question_scores_nothing() {
        for question in [Question::default(), Question::new("", ""), Question::new("what is the", "{}")] {
            assert!(question.is_empty());
            assert_eq!(question.scores(&["a", "the", ""]), [0.0; 3]);
            assert!(!question.strong_match("the"));
        }
        assert!(Question::new("error_1", "").scores(&[]).is_empty());
    }

    #[test]
    fn rare_terms_outweigh_common_ones() {
        let mut units = vec!["request handled by worker"; 99];
        units.push("request failed in worker");
        let scores = Question::new("Which request failed in a worker?", "").scores(&units);
        assert!(scores[99] > 10.0 * scores[0], "{} {}", scores[99], scores[0]);
        assert!(scores[0] < 0.1, "{}", scores[0]);
    }

    #[test]
    fn a_specific_term_makes_a_unit_strong_unless_it_is_everywhere() {
        let question = Question::new("Why did mod_jk fail on child 6725?", "");
        let lines: Vec<String> = (6600..6800).map(|child| format!("mod_jk started child {child}")).collect();
        let units: Vec<&str> = lines.iter().map(String::as_str).collect();
        let matches = question.matches(&units);
        let strong: Vec<&str> =
            units.iter().zip(&matches).filter(|(_, unit)| unit.strong).map(|(unit, _)| *unit).collect();
        assert_eq!(strong, ["mod_jk started child 6725"]);
        assert!(question.strong_match(units[0]) && !question.strong_match("started child 6726"));
    }

    #[test]
    fn holdings_name_the_terms_of_each_unit_and_their_worth() {
        let question = Question::new("Does the worker honour `max_wait`?", "");
        let holdings = question.holdings(&["the worker sleeps", "max_wait of a worker", "nothing"]);
        let texts: Vec<&str> = question.terms().iter().map(|term| term.text.as_str()).collect();
        let bit = |text: &str| 1 << texts.iter().position(|term| *term == text).unwrap();
        assert_eq!(holdings.sets[0], bit("worker"));
        assert_eq!(holdings.sets[1] & (bit("worker") | bit("max_wait")), bit("worker") | bit("max_wait"));
        assert_eq!((holdings.sets[2], holdings.strong), (0, bit("max_wait")));
        assert!(holdings.worth(holdings.sets[1], |_| 1.0) > holdings.worth(holdings.sets[0], |_| 1.0));
        assert_eq!(Question::default().holdings(&["a"]).sets, [0]);
    }

    #[test]
    fn every_script_finds_its_line() {
        for (question, line) in [
            ("哪个数据库连接失败了?", "2024-01-01 数据库连接超时"),
            ("データベースのエラーは?", "接続: データベースが応答しません"),
            ("데이터베이스 오류는?", "연결 실패: 데이터베이스가 응답하지 않음"),
            ("Какая ошибка базы?", "ОШИБКА базы данных"),
            ("ما هو سبب الخطأ", "وقع الخطأ هنا"),
        ] {
            let scores = Question::new(question, "").scores(&["all fine", line, "nothing, 没有, ない, 없음"]);
            assert!(scores[1] > scores[2] && scores[0] == 0.0, "{question}: {scores:?}");
        }
    }

    #[test]
    fn superlatives_ask_for_an_extreme() {
        assert!(Question::new("Which worker has the HIGHEST latency?", "").asks_extreme());
        assert!(Question::new("the max", "").asks_extreme());
        assert!(!Question::new("Which worker failed?", "most").asks_extreme());
    }

    #[test]
    fn the_logarithm_is_right() {
        for number in [1.0_f32, 1.5, 2.0, 3.0, 1e6, 1.0001] {
            assert!((log2(number) - number.log2()).abs() < 1e-4, "{number} {}", log2(number));
        }
    }

    #[test]
    fn hostile_units_are_scored() {
        let question = Question::new("aaaa error 1000 \"a a\" 漢字", "");
        for unit in ["a", " ", "1", "漢", "error ", "\u{0}", "👍", "a a "] {
            assert_eq!(question.scores(&[&unit.repeat(300_000)]).len(), 1);
            assert!(Question::new(&unit.repeat(300_000), "").terms().len() <= MAX_TERMS);
        }
    }

    proptest! {
        #[test]
        fn scores_depend_on_the_texts_alone(question in "(?s).{0,60}", units in proptest::collection::vec("(?s).{0,40}", 0..12)) {
            let units: Vec<&str> = units.iter().map(String::as_str).collect();
            let first = Question::new(&question, &question);
            let second = Question::new(&question, &question);
            prop_assert_eq!(first.terms(), second.terms());
            let bits = |question: &Question| question.scores(&units).iter().map(|score| score.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&first), bits(&second));
            prop_assert!(first.scores(&units).iter().all(|score| score.is_finite() && *score >= 0.0));
        }

        #[test]
        fn a_unit_is_found_by_a_word_of_its_own(unit in "[a-z]{4,9} [a-z]{4,9} [A-Z]{4,9}", pick in 0_usize..3) {
            let word = unit.split(' ').nth(pick).unwrap();
            let question = Question::new(&format!("about {word} now"), "");
            prop_assume!(!question.is_empty());
            prop_assert!(question.scores(&[&unit])[0] > 0.0, "{:?}", question);
        }
    }
}
