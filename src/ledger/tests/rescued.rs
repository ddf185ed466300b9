//! What is saved next to a ledger, and whom it stops.

use std::{fs, path::PathBuf};

use super::*;

struct Place {
    _folder: tempfile::TempDir,
    ledger: PathBuf,
}

impl Place {
    fn with(contents: Option<&Ledger>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().canonicalize().unwrap().join("it's l.csv");
        if let Some(contents) = contents {
            fs::write(&ledger, contents.to_csv()).unwrap();
        }
        Place { _folder: folder, ledger }
    }

    fn save(&self, ours: &Ledger) -> RescueResult {
        save(&self.ledger, &ours.to_csv(), ours, at(0))
    }

    fn refused(&self) -> Option<String> {
        let held = LedgerFile::hold(&self.ledger, at(0));
        match held {
            Ok((_, lock)) => {
                lock.release(at(0));
                None
            }
            Err(e) => Some(e.to_string()),
        }
    }
}

#[test]
fn only_what_theirs_lacks_is_saved() {
    let place = Place::with(Some(&sample()));
    let some = ledger(sample().rows().take(3).cloned());
    assert_eq!(place.save(&some), RescueResult::Nothing);
    let mut noted = some.rows().next().unwrap().clone();
    noted.extra = vec!["another note".to_owned()];
    assert!(
        matches!(place.save(&ledger([noted])), RescueResult::NextTo { .. }),
        "not even a note is lost"
    );
    fs::remove_file(&place.ledger).unwrap();
    assert_eq!(place.save(&some), RescueResult::There);
    assert_eq!(reading(&fs::read(&place.ledger).unwrap()).ledger, some);
}

#[test]
fn two_of_one_moment_do_not_overwrite_each_other() {
    let place = Place::with(Some(&ledger([])));
    let [first, second] = [1, 2].map(|number| {
        match place.save(&ledger([created(pending(number), &format!("Y2lz{number}"), 5)])) {
            RescueResult::NextTo { rescued, .. } => rescued,
            other => panic!("{other:?}"),
        }
    });
    assert_ne!(first, second);
    let why = place.refused().unwrap();
    let quoted =
        |path: &PathBuf| shlex::try_quote(&path.display().to_string()).unwrap().into_owned();
    let (ledger, first, second) = (quoted(&place.ledger), quoted(&first), quoted(&second));
    let command = format!("\n  monthend merge {ledger} {first} {second} -o {ledger}");
    assert!(why.ends_with(&command), "{why}");
}

/// Each row: what the ledger says of a request, what the rescued one says, and whether that stops a run.
#[test]
fn a_rescued_ledger_stops_a_run_as_long_as_it_holds_what_the_ledger_lacks() {
    let row = || pending(1);
    let undated = |row: Row| {
        with(row, State::InDoubt { text: "t".to_owned(), candidates: vec![], intent: None }, 3)
    };
    for (ours, theirs, stops) in [
        (None, Some(row()), true),
        (Some(row()), None, false),
        (Some(row()), Some(row()), false),
        (Some(row()), Some(created(row(), "Y2lz1", 5)), true),
        (Some(created(row(), "Y2lz1", 5)), Some(row()), false),
        (Some(created(row(), "Y2lz1", 5)), Some(sending(row(), 9)), false),
        (Some(created(row(), "Y2lz1", 5)), Some(created(row(), "Y2lz2", 5)), true),
        (Some(sending(row(), 5)), Some(sending(row(), 4)), true),
        (Some(sending(row(), 5)), Some(sending(row(), 6)), false),
        (Some(failed(row(), 5)), Some(failed(row(), 6)), false),
        (Some(failed(row(), 5)), Some(undated(row())), true),
    ] {
        let of = |row: &Option<Row>| ledger(row.iter().cloned());
        let place = Place::with(Some(&of(&ours)));
        let rescued = place.ledger.with_extension("rescued-x.csv");
        fs::write(&rescued, of(&theirs).to_csv()).unwrap();
        assert_eq!(place.refused().is_some(), stops, "{ours:?} {theirs:?}");
        LedgerFile::take(&place.ledger, at(0)).unwrap().1.release(at(0));
        fs::rename(&rescued, merged_name(&place.ledger, &rescued).unwrap()).unwrap();
        assert_eq!(place.refused(), None, "once merged it stops nobody");
    }
}

#[test]
fn a_rescued_file_that_is_no_ledger_is_named() {
    let place = Place::with(Some(&sample()));
    let rescued = place.ledger.with_extension("rescued-x.csv");
    for contents in ["", "shopping list\n"] {
        fs::write(&rescued, contents).unwrap();
        let why = place.refused().unwrap();
        assert!(
            why.contains("rescued-x.csv is not a ledger") && why.contains("it's l.csv"),
            "{why}"
        );
    }
    let mut torn = sample().to_csv();
    torn.extend(b"r0123456789abcdef,own,");
    fs::write(&rescued, torn).unwrap();
    assert!(place.refused().unwrap().contains("r0123456789abcdef"));
}

#[test]
fn other_files_stop_nobody() {
    let place = Place::with(Some(&ledger([])));
    for name in [
        "it's l.sandbox.rescued-x.csv",
        "it's l.rescued-x.csv.lock",
        "it's l.rescued-x.merged.csv",
        "another.rescued-x.csv",
    ] {
        let other = place.ledger.with_file_name(name);
        fs::write(&other, sample().to_csv()).unwrap();
        assert_eq!(place.refused(), None, "{name}");
        assert_eq!(merged_name(&place.ledger, &other), None);
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_no_place_for_a_new_ledger() {
    let place = Place::with(None);
    std::os::unix::fs::symlink("/nowhere/l.csv", &place.ledger).unwrap();
    assert!(matches!(LedgerFile::hold(&place.ledger, at(0)), Err(LedgerError::DeadLink { .. })));
    assert!(place.ledger.is_symlink());
}
