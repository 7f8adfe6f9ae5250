//! Amounts with a unit: shares, sizes, durations.

/// Longer texts are no amounts. In bytes.
const LONGEST: usize = 24;

/// What an amount with a unit comes to: percent as they are, sizes in bytes, durations in seconds. Of `1.2GiB / 8GiB` the
/// first. `None` for other texts, plain numbers among them.
pub(super) fn quantity(content: &str) -> Option<f64> {
    let content = content.trim_start();
    if !content.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+')) {
        return None;
    }
    let pair = content.contains('/').then(|| content.split_once(" / ")).flatten();
    let amount = pair.map_or(content, |(used, _)| used).trim_end();
    if amount.len() > LONGEST {
        return None;
    }
    let (number, unit) = split(amount)?;
    if unit == "%" {
        return Some(number);
    }
    size(unit).map(|factor| number * factor).or_else(|| duration(amount))
}

/// The number that a text begins with, and the letters behind it up to the next digit.
fn split(text: &str) -> Option<(f64, &str)> {
    let is_digit =
        |at: usize, byte: u8| byte.is_ascii_digit() || byte == b'.' || at == 0 && matches!(byte, b'-' | b'+');
    let end = text.bytes().enumerate().position(|(at, byte)| !is_digit(at, byte))?;
    let number = text[..end].parse().ok().filter(|number: &f64| number.is_finite())?;
    let rest = text[end..].trim_start();
    Some((number, &rest[..rest.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(rest.len())]))
}

/// The bytes of a unit of size.
fn size(unit: &str) -> Option<f64> {
    let (prefix, rest) = unit.split_at_checked(1)?;
    let base: f64 = match rest {
        "iB" | "i" => 1024.0,
        "B" | "b" | "" => 1000.0,
        _ => return None,
    };
    let power = match prefix {
        "B" if rest.is_empty() => 0,
        "K" | "k" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        _ => return None,
    };
    Some(base.powi(power))
}

/// The seconds of `3d4h`, `12m`, `250ms`.
fn duration(mut text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    while !text.is_empty() {
        let (number, unit) = split(text)?;
        seconds += number
            * match unit {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86400.0,
                "w" => 604_800.0,
                "y" => 31_536_000.0,
                _ => return None,
            };
        let end = text.find(unit)? + unit.len();
        text = &text[end..];
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_one_column_compare() {
        for (less, more) in [
            ("9%", "83.5%"),
            ("900Ki", "12Mi"),
            ("1.2GiB / 8GiB", "3.4GiB / 8GiB"),
            ("45s", "3d4h"),
            ("250ms", "1m"),
            ("9K", "1M"),
            ("-2s", "1s"),
        ] {
            assert!(quantity(less).expect(less) < quantity(more).expect(more), "{less} {more}");
        }
    }

    #[test]
    fn other_texts_are_no_amounts() {
        for text in [
            "",
            "12",
            "1.5",
            "abc",
            "2024-05-01",
            "3x",
            "5 apples",
            "1s2x",
            "12 d and more",
            "-",
            "%",
            "1e400%",
            "4é",
            "1µ",
        ] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }
}
