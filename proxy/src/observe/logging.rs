//! What the proxy says while it runs: one line an event on stderr, as JSON or as text.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::kv::{Key, Value as Given, VisitSource};
use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};
use serde::Deserialize;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde_json::{Map, Value};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `2026-01-02T03:04:05.678Z WARN headroom: message request_id=…`
    #[default]
    Text,
    /// An object with `time`, `level`, `target`, `message` and what else the event carries, such as `request_id`.
    Json,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed and should not.
    Error,
    /// What somebody may want to change, too.
    Warn,
    /// Requests that get an error of the proxy's own, too.
    #[default]
    Info,
    /// What helps to find a mistake, too.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Off => LevelFilter::Off,
            Self::Error => LevelFilter::Error,
            Self::Warn => LevelFilter::Warn,
            Self::Info => LevelFilter::Info,
            Self::Debug => LevelFilter::Debug,
            Self::Trace => LevelFilter::Trace,
        }
    }
}

impl FromStr for LogFormat {
    type Err = WordError;

    fn from_str(word: &str) -> Result<Self, WordError> {
        Self::deserialize(StrDeserializer::new(word))
    }
}

impl FromStr for LogLevel {
    type Err = WordError;

    fn from_str(word: &str) -> Result<Self, WordError> {
        Self::deserialize(StrDeserializer::new(word))
    }
}

/// Sends everything that is logged to stderr: our own up to `level`, of libraries only warnings and errors.
///
/// # Errors
/// When the process has a logger already.
pub fn install(format: LogFormat, level: LogLevel) -> Result<(), SetLoggerError> {
    let level = level.filter();
    log::set_boxed_logger(Box::new(Logger { format, level, out: Mutex::new(io::stderr()) }))?;
    log::set_max_level(level);
    Ok(())
}

struct Logger<W> {
    format: LogFormat,
    level: LevelFilter,
    out: Mutex<W>,
}

impl<W: Write + Send> Log for Logger<W> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let limit =
            if metadata.target().starts_with("headroom") { self.level } else { self.level.min(LevelFilter::Warn) };
        metadata.level() <= limit
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = match self.format {
            LogFormat::Text => text_line(record, SystemTime::now()),
            LogFormat::Json => json_line(record, SystemTime::now()),
        };
        // Where stderr is gone, there is nobody left to tell.
        let _ = self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }

    fn flush(&self) {
        let _ = self.out.lock().unwrap_or_else(PoisonError::into_inner).flush();
    }
}

fn json_line(record: &Record<'_>, now: SystemTime) -> String {
    let mut object = Map::new();
    object.insert("time".to_owned(), timestamp(now).into());
    object.insert("level".to_owned(), record.level().as_str().to_ascii_lowercase().into());
    object.insert("target".to_owned(), record.target().into());
    object.insert("message".to_owned(), record.args().to_string().into());
    visit(record, &mut |key, value| {
        let value = match (value.to_bool(), value.to_u64(), value.to_i64(), value.to_f64()) {
            (Some(flag), ..) => Value::from(flag),
            (_, Some(number), ..) => Value::from(number),
            (_, _, Some(number), _) => Value::from(number),
            (.., Some(number)) => Value::from(number),
            _ => Value::from(value.to_string()),
        };
        // What an event carries never replaces what it is.
        object.entry(key).or_insert(value);
    });
    let mut line = Value::Object(object).to_string();
    line.push('\n');
    line
}

fn text_line(record: &Record<'_>, now: SystemTime) -> String {
    let mut line = format!("{} {} {}: {}", timestamp(now), record.level(), record.target(), record.args());
    visit(record, &mut |key, value| {
        // Writing to a string does not fail.
        let _ = write!(line, " {key}={value}");
    });
    // A message with line breaks or escape sequences must not look like other lines.
    let mut line: String = line
        .chars()
        .flat_map(|char| {
            let (plain, escaped) =
                if char.is_control() { (None, Some(char.escape_default())) } else { (Some(char), None) };
            plain.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect();
    line.push('\n');
    line
}

fn visit(record: &Record<'_>, each: &mut dyn FnMut(&str, &Given<'_>)) {
    struct Visitor<'a>(&'a mut dyn FnMut(&str, &Given<'_>));
    impl<'kvs> VisitSource<'kvs> for Visitor<'_> {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Given<'kvs>) -> Result<(), log::kv::Error> {
            (self.0)(key.as_str(), &value);
            Ok(())
        }
    }
    // The visitor does not fail.
    let _ = record.key_values().visit(&mut Visitor(each));
}

/// A moment as RFC 3339 with milliseconds, in UTC.
///
/// # Sources
/// The calendar is `civil_from_days` of Howard Hinnant, chrono-compatible low-level date algorithms.
fn timestamp(now: SystemTime) -> String {
    let age = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (age.as_secs() / 86_400, age.as_secs() % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", age.subsec_millis())
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    fn at(milliseconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(milliseconds)
    }

    fn logged(format: LogFormat, level: LevelFilter, record: &Record<'_>) -> String {
        let logger = Logger { format, level, out: Mutex::new(Vec::new()) };
        logger.log(record);
        String::from_utf8(logger.out.into_inner().expect("no thread died")).expect("text")
    }

    #[test]
    fn writes_one_object_a_line_with_what_the_event_carries() {
        let carried = [("request_id", Given::from("r-1")), ("bytes", Given::from(5_u64)), ("level", Given::from("x"))];
        let carried = carried.as_slice();
        let args = format_args!("first\nsecond \"quoted\"");
        let record = Record::builder().level(Level::Warn).target("headroom").args(args).key_values(&carried).build();
        let line = json_line(&record, at(1));
        let expected = r#"{"time":"1970-01-01T00:00:00.001Z","level":"warn","target":"headroom","message":"first\nsecond \"quoted\"","request_id":"r-1","bytes":5}"#;
        assert_eq!(line, format!("{expected}\n"));
    }

    #[test]
    fn text_stays_in_its_line() {
        let carried = [("request_id", Given::from("r-1"))];
        let carried = carried.as_slice();
        let args = format_args!("first\nsecond \u{1b}[31m é");
        let record = Record::builder().level(Level::Info).target("headroom").args(args).key_values(&carried).build();
        let expected = "1970-01-01T00:00:00.000Z INFO headroom: first\\nsecond \\u{1b}[31m é request_id=r-1\n";
        assert_eq!(text_line(&record, at(0)), expected);
    }

    #[test]
    fn libraries_are_heard_only_when_something_is_wrong() {
        for (target, level, heard) in [
            ("headroom.pipeline", Level::Debug, true),
            ("headroom_proxy::server", Level::Debug, true),
            ("headroom", Level::Trace, false),
            ("hyper", Level::Info, false),
            ("hyper", Level::Warn, true),
        ] {
            let record = Record::builder().level(level).target(target).args(format_args!("m")).build();
            let line = logged(LogFormat::Json, LevelFilter::Debug, &record);
            assert_eq!(!line.is_empty(), heard, "{target} {level}");
        }
    }

    #[test]
    fn knows_the_calendar() {
        for (milliseconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_798_761_600_000, "2027-01-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(timestamp(at(milliseconds)), expected);
        }
    }
}
