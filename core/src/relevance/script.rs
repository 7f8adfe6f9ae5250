//! Scripts that write no spaces between words.

/// Whether a character belongs to a script whose words are not separated by spaces (Chinese, Japanese, Thai, Lao, Khmer,
/// Burmese), or to Korean, whose particles are written together with their word. Text in them is matched by pairs of
/// characters.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1100}'..='\u{11FF}' | '\u{1780}'..='\u{17FF}'
        | '\u{2E80}'..='\u{2FDF}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30FF}' | '\u{3105}'..='\u{318F}'
        | '\u{31A0}'..='\u{31BF}' | '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF66}'..='\u{FFDC}'
        | '\u{20000}'..='\u{3FFFF}')
}

/// Hiragana, which writes mostly grammar: particles and endings.
pub(super) fn is_hiragana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{309F}')
}

/// Whether a character continues a word of a spaced script.
pub(super) fn continues_word(c: char) -> bool {
    c.is_alphanumeric() && !is_unspaced(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_without_spaces_do_not_continue_a_word() {
        for c in ['漢', 'か', 'カ', '한', 'ไ', '𠀋'] {
            assert!(is_unspaced(c) && !continues_word(c), "{c}");
        }
        for c in ['a', 'é', 'Я', '7', 'ع'] {
            assert!(continues_word(c), "{c}");
        }
        assert!(!continues_word('_') && !continues_word('。') && !is_unspaced('。'));
    }
}
