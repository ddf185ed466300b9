//! Everything that is read from outside, mutated: manifests, ledgers, error bodies. `PROPTEST_CASES=100000` runs longer.
//!
//! An input is an edit script over a file of `tests/corpus/`, or, where it is short, the text itself: near misses of
//! valid files find more than noise.

use std::{fs, path::PathBuf};

use chrono::NaiveDate;
use proptest::prelude::*;

use crate::{
    api::tests::error_text,
    ledger,
    manifest::{DateCheck, Discovered, LoadOptions, Manifest},
    plan::Plan,
    text::one_line,
};

/// Calls `read` with the inputs of many scripts.
fn for_each(target: &str, read: impl Fn(&[u8])) {
    let seeds = seeds(target);
    let config = ProptestConfig::with_cases(ProptestConfig::default().cases.max(2_000));
    let scripts = prop::collection::vec(any::<u8>(), 0..64);
    proptest!(config, |(script in scripts)| read(&input(&seeds, &script)));
}

/// Tokens that matter to some of the formats.
const TOKENS: [&str; 24] = [
    "\0\0\0\0",
    "\"",
    "\"\"",
    ",",
    ";",
    "\n",
    "\r\n",
    "\u{feff}",
    "'",
    "=",
    "&a ",
    "*a",
    "<<: ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "|\n ",
    "\u{2028}",
    "\u{1b}[2J",
    "created",
    "sending",
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// The input that `script` stands for: the first byte chooses a seed, each five bytes after it are an edit.
fn input(seeds: &[Vec<u8>], script: &[u8]) -> Vec<u8> {
    let Some((which, edits)) = script.split_first() else {
        return Vec::new();
    };
    if *which == u8::MAX {
        return edits.to_vec();
    }
    let mut text = seeds[usize::from(*which) % seeds.len()].clone();
    for edit in edits.chunks_exact(5) {
        let at =
            |high: u8, low: u8| usize::from(u16::from_be_bytes([high, low])) % (text.len() + 1);
        let (from, value) = (at(edit[1], edit[2]), edit[3]);
        let to = (from + usize::from(edit[4])).min(text.len());
        match edit[0] % 6 {
            0 => drop(text.drain(from..to)),
            1 => text.truncate(from),
            2 => text.insert(from, value),
            3 => {
                let token = TOKENS[usize::from(value) % TOKENS.len()];
                text.splice(from..from, token.bytes()).for_each(drop);
            }
            4 => {
                let copy = text[from..to].to_vec();
                let target = at(value, edit[4]);
                text.splice(target..target, copy).for_each(drop);
            }
            _ => text[from..to].fill(0),
        }
    }
    text
}

#[test]
fn manifest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.yaml");
    let today = NaiveDate::from_ymd_opt(2026, 11, 3).unwrap();
    let options = LoadOptions { as_of: today, today, date_check: DateCheck::On };
    for_each("manifest", |text| {
        fs::write(&path, text).unwrap();
        match Manifest::load(&path, &options) {
            Ok(mut manifest) => {
                manifest.settings.limits.max_requests =
                    manifest.settings.limits.max_requests.min(1000);
                let _ = Plan::expand(&manifest, &Discovered::new());
            }
            Err(e) => assert!(!e.to_string().is_empty()),
        }
    });
}

#[test]
fn ledger() {
    for_each("ledger", |bytes| {
        let Ok(reading) = ledger::read(bytes, "l.csv".as_ref()) else {
            return;
        };
        // Whatever was read is a ledger: written at rest it reads back to the same, with nothing to repair.
        let at_rest = reading.ledger.to_csv();
        let again = ledger::read(&at_rest, "l.csv".as_ref()).unwrap();
        assert_eq!(again.repairs, []);
        assert_eq!(again.ledger.to_csv(), at_rest);
        let unquoted_input = unquoted(bytes);
        for row in reading.ledger.rows() {
            assert_eq!(row.id(), row.request().id());
            if let Some(id) = row.state.report_id() {
                let id = unquoted(id.as_str().as_bytes());
                let held = unquoted_input.windows(id.len()).any(|w| w == id);
                assert!(held, "a report id was made up");
            }
        }
    });
}

/// Quotes can be doubled or left out, so they are not compared.
fn unquoted(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|b| *b != b'"').collect()
}

#[test]
fn error_body() {
    for_each("error_body", |body| {
        let text = error_text(502, body);
        assert!(!text.is_empty());
        assert_eq!(text, one_line(&text));
    });
}
