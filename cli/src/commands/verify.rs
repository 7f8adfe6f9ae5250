//! `headroom verify`: is what a certificate says true?

use std::io::Write as _;
use std::path::Path;

use headroom_core::ccr::{Certificate, VerifyReport, open_store, verify};

use crate::arguments::Verify;
use crate::engine;
use crate::failure::Failure;
use crate::input;
use crate::screen::{Screen, Tone, number, one_line};

pub(crate) fn run(asked: &Verify, name: &str, screen: &mut Screen) -> Result<u8, Failure> {
    let json = text(input::read(Some(&asked.certificate), "a certificate", screen)?)?;
    let certificate = Certificate::from_json(&json)?;
    let texts = |file: Option<&Path>, what: &str| -> Result<Option<Vec<(String, String)>>, Failure> {
        let Some(file) = file else { return Ok(None) };
        let bytes = input::read(Some(file), what, screen)?;
        if asked.text {
            Ok(Some(vec![(engine::TEXT_PATH.into(), text(bytes)?)]))
        } else {
            engine::texts(&bytes).map(Some)
        }
    };
    let after = texts(asked.body.as_deref(), "the compressed body")?;
    let before = texts(asked.before.as_deref(), "the body before")?;
    let (after, before) = (after.as_deref().map(pairs), before.as_deref().map(pairs));
    let report = verify(&certificate, before.as_deref(), after.as_deref(), &*open_store(name)?)?;
    if asked.json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| Failure::new(format!("cannot write the report as JSON: {error}")))?;
        writeln!(screen, "{text}")?;
    } else {
        write_report(&report, asked.body.is_some(), screen)?;
    }
    Ok(u8::from(!report.is_ok()))
}

fn write_report(report: &VerifyReport, has_body: bool, screen: &mut Screen) -> Result<(), Failure> {
    for problem in &report.problems {
        let (expected, found) = (one_line(&problem.expected, 200), one_line(&problem.found, 200));
        let label = screen.paint(Tone::Bad, "wrong").into_owned();
        writeln!(screen, "{label}  {}: expected {expected}, found {found}", one_line(&problem.path, 200))?;
    }
    let words = format!(
        "{} of {} {} the original that the certificate names; {} originals in the store are the right ones",
        number(report.blocks_confirmed as u64),
        number(report.blocks as u64),
        if report.blocks == 1 { "edited block has" } else { "edited blocks have" },
        number(report.originals as u64),
    );
    let words = screen.paint(if report.is_ok() { Tone::Good } else { Tone::Faint }, words).into_owned();
    writeln!(screen, "{words}")?;
    if !has_body {
        screen.say("no BODY given: the compressed texts were not checked");
    }
    Ok(())
}

fn pairs(texts: &[(String, String)]) -> Vec<(&str, &str)> {
    texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

fn text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        Failure::new(format!("expected UTF-8 text, found another byte at offset {}", error.utf8_error().valid_up_to()))
    })
}
