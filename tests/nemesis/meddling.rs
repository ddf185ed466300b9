//! People who save, replace or delete the ledger while a run uses it, and merge what came of it.

use std::{fmt, fs, thread::sleep, time::Duration};

use crate::{
    hands::{HISTORY, LEDGER},
    history::History,
    support::{Desk, Ended, Running, csv_cells, to_csv},
};

/// What somebody does to the ledger of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// Saves what they read just now, as it is: no change.
    Touches,
    /// Saves an earlier copy with a column of notes, as a new file in the place of the old.
    Replaces,
    /// The same, written into the file that is there.
    Overwrites,
    Deletes,
}

/// The file at [`LEDGER`], once somebody has meddled with it.
#[derive(Debug)]
pub(crate) struct Meddled {
    deed: Deed,
    at: Duration,
}

impl fmt::Display for Meddled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deed = format!("{:?}", self.deed).to_lowercase();
        write!(f, "somebody {deed} the ledger after {:?}", self.at)
    }
}

impl Meddled {
    pub(crate) fn may_be_noticed(&self) -> bool {
        self.deed != Deed::Touches
    }

    fn has_notes(&self) -> bool {
        matches!(self.deed, Deed::Replaces | Deed::Overwrites)
    }
}

impl History<'_> {
    /// Somebody meddles with the ledger of a run that has begun to write it. `None`: it ended sooner.
    ///
    /// The process is stopped meanwhile: what is saved after its end is another matter, a copy that nobody compares.
    pub(crate) fn meddle(
        &mut self,
        running: &mut Running,
        before: Option<&str>,
    ) -> Option<Meddled> {
        let rng = &mut self.rng;
        let deeds =
            [Deed::Touches, Deed::Replaces, Deed::Replaces, Deed::Overwrites, Deed::Deletes];
        let deed = deeds[rng.usize(0..deeds.len())];
        let (read_after, at) = (rng.u64(0..100), rng.u64(1..150));
        let [read_after, at] = [read_after, at].map(Duration::from_millis);
        let ends = self.ends();
        sleep(read_after);
        let copy = whole_lines(&self.desk);
        sleep(at);
        if running.is_over() {
            return None;
        }
        running.signal("STOP");
        sleep(Duration::from_millis(5)); // the signal arrives
        if running.is_over() {
            return None;
        }
        if self.ends() > ends {
            running.signal("CONT"); // it has looked at the ledger for the last time
            return None;
        }
        let now = whole_lines(&self.desk);
        // Before the run has written anything it may not have read the file yet either: what is deleted then is lost.
        let is_used = now.is_some() && now.as_deref() != before;
        let meddled = match copy {
            Some(copy) if is_used => {
                self.save(deed, &copy);
                let at = read_after + at;
                Some(Meddled { deed, at })
            }
            _ => None,
        };
        running.signal("CONT");
        meddled
    }

    /// How many commands have told the history how they ended, which is after their last look at the ledger.
    fn ends(&self) -> usize {
        let history = fs::read_to_string(self.desk.path(HISTORY)).unwrap_or_default();
        history.matches("\"kind\":\"end\"").count()
    }

    fn save(&self, deed: Deed, copy: &str) {
        let path = self.desk.path(LEDGER);
        match deed {
            Deed::Touches => {
                let now = fs::read(&path).unwrap();
                fs::write(&path, now).unwrap();
            }
            Deed::Replaces => {
                self.desk.write("saved", with_notes(copy));
                fs::rename(self.desk.path("saved"), path).unwrap();
            }
            Deed::Overwrites => fs::write(path, with_notes(copy)).unwrap(),
            Deed::Deletes => fs::remove_file(path).unwrap(),
        }
    }

    /// What a run did that was meddled with: it took the edit over, or noticed it, and then both versions are there and
    /// can be merged.
    pub(crate) fn judge_meddled(&mut self, meddled: &Meddled, ended: &Ended) -> Result<(), String> {
        let taken_over = !meddled.has_notes() || self.desk.read(LEDGER).contains("notes");
        if !taken_over {
            return Err("what somebody saved in mid-run is gone".to_owned());
        }
        if ended.code != Some(4) {
            return Ok(());
        }
        if !meddled.may_be_noticed() {
            return Err("exit code 4, and nothing was changed".to_owned());
        }
        if !self.desk.files().iter().any(|name| is_rescued(name)) {
            return Ok(());
        }
        let stopped = self.desk.converge().run();
        self.tell(stopped.to_string());
        let named = stopped.stderr.lines().find_map(|line| {
            let rest = line.trim().strip_prefix("monthend merge ")?;
            Some(rest.split(' ').map(str::to_owned).collect::<Vec<_>>())
        });
        match (stopped.code, named) {
            (Some(4), Some(arguments)) => {
                let merged = self.desk.monthend(["merge"]).args(arguments).run();
                self.tell(merged.to_string());
                match merged.code {
                    Some(0) => Ok(()),
                    code => Err(format!("exit code {code:?} of the merge that was named")),
                }
            }
            // What was rescued holds nothing that matters.
            (Some(0 | 1 | 3), _) => Ok(()),
            (code, _) => Err(format!("exit code {code:?}, and no merge is named")),
        }
    }
}

pub(crate) fn is_rescued(name: &str) -> bool {
    name.contains(".rescued-") && !name.ends_with(".merged.csv")
}

/// The ledger as a program would open it in mid-run, without a last line that is just being written.
fn whole_lines(desk: &Desk) -> Option<String> {
    let text = fs::read_to_string(desk.path(LEDGER)).ok()?;
    let end = text.rfind('\n')?;
    Some(text[..=end].to_owned())
}

fn with_notes(copy: &str) -> String {
    let mut records = csv_cells(copy);
    let has_notes = records[0].iter().any(|name| name == "notes");
    for (number, record) in records.iter_mut().enumerate().filter(|_| !has_notes) {
        record.push(match number {
            0 => "notes".to_owned(),
            _ => format!("in mid-run, \"{number}\""),
        });
    }
    to_csv(&records, "\r\n")
}
