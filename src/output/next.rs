use std::collections::BTreeMap;

use super::Summary;
use crate::{
    files::remedy,
    ledger::{Obstacle, Row, State, Tampered},
    run::{Finished, StopReason},
    sending::StopCause,
    text::count,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    pub again: String,
    pub unfinished: Hint,
    pub retry: String,
    /// For all unfinished rows of the ledger, whatever was selected.
    pub retry_all: String,
    pub recreate: String,
    pub collect: String,
    pub status: String,
    pub resolve: String,
    /// In a rehearsal: the option that fixes what was refused; none where it is typed already.
    pub fixed: Option<&'static str>,
    pub for_real: Option<Hint>,
}

impl Commands {
    /// In a rehearsal nobody can be asked to fix anything: an option does it.
    fn once_fixed(&self, why: &str, command: &str) -> Hint {
        match self.fixed {
            Some(fixed) => {
                Hint::new(format!("{why}, with the causes fixed"), format!("{command}{fixed}"))
            }
            None => Hint::new(format!("{why}, once the causes are fixed"), command),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub why: String,
    pub command: String,
}

impl Hint {
    pub fn new(why: impl Into<String>, command: impl Into<String>) -> Self {
        Hint { why: why.into(), command: command.into() }
    }
}

impl Summary<'_> {
    /// The most important first; none where all is done.
    pub(super) fn hints(&self) -> Vec<Hint> {
        if !self.is_at_rest {
            return Vec::new(); // what to do about it has been said
        }
        let (commands, counts) = (self.commands, &self.finished.counts);
        let mut hints = Vec::new();
        if let Some(hint) = after_stop(self.finished, commands) {
            hints.push(hint);
        } else if counts.pending + counts.sending > 0 {
            hints.push(commands.unfinished.clone());
            if counts.sending > 0 {
                hints.push(Hint::new("or, to decide them by hand", &commands.resolve));
            }
        } else if self.selected.iter().any(|row| matches!(row.state, State::Failed { .. })) {
            hints.push(commands.once_fixed("to retry what failed", &commands.retry));
        }
        let in_doubt = self.selected.iter().filter(|row| row.state.is_in_doubt()).count();
        if in_doubt > 0 && counts.sending == 0 {
            let rows = count(in_doubt, "row");
            let why = format!("to see the {rows} in doubt with the candidates, and decide");
            hints.push(Hint::new(why, &commands.resolve));
        }
        if self.finished.stop.is_none() {
            hints.extend(self.to_collect(hints.is_empty()));
        }
        if hints.is_empty() {
            hints.extend(commands.for_real.clone());
        }
        if !self.outside.is_empty() {
            hints.push(Hint::new("to send what is left alone", &commands.retry_all));
        }
        hints
    }

    /// Each command once. `is_first`: nothing else has to be done before.
    fn to_collect(&self, is_first: bool) -> Vec<Hint> {
        let (commands, counts) = (self.commands, &self.finished.counts);
        let mut obstacles: BTreeMap<Obstacle, Vec<&Row>> = BTreeMap::new();
        for row in &self.selected {
            if let Some(obstacle) = Obstacle::of(row) {
                obstacles.entry(obstacle).or_default().push(row);
            }
        }
        let is_lost = obstacles.contains_key(&Obstacle::ServerFailed);
        let recreate = is_lost.then(|| Hint::new(NOT_GENERATED, &commands.recreate));
        if counts.uncollected == 0 {
            let is_missing = |row: &&Row| {
                matches!(row.state, State::Created(_)) && row.collected.file.is_empty()
            };
            if !is_first || counts.collected > 0 || !self.selected.iter().any(is_missing) {
                return Vec::new();
            }
            let collect = || Hint::new("to download the reports", &commands.collect);
            return vec![recreate.unwrap_or_else(collect)];
        }
        let mut hints = Vec::from_iter(recreate);
        if obstacles.contains_key(&Obstacle::OtherFile) {
            hints.push(Hint::new(
                "to replace the files that were changed, or are in the way, with the server's reports",
                format!("{} --force", commands.collect),
            ));
        }
        // Both of these collect all that can be had by now.
        let is_covered = !hints.is_empty();
        for (obstacle, why) in BY_HAND {
            if let Some([first, others @ ..]) = obstacles.get(&obstacle).map(Vec::as_slice) {
                let which = match others.len() {
                    0 => String::new(),
                    n => format!(" (the first of {})", n + 1),
                };
                let (resolve, id) = (&commands.resolve, first.id());
                let command = format!("{resolve} --request {id} --resend --replace");
                hints.push(Hint::new(format!("{why}{which}"), command));
            }
        }
        let others = obstacles.get(&Obstacle::Other);
        let may_come = others.is_some() || obstacles.contains_key(&Obstacle::UnknownStatus);
        if is_first && !is_covered && (may_come || hints.is_empty()) {
            let is_blocked = |row: &&Row| row.collected.error.contains(Obstacle::FOLDER);
            let why = if others.is_some_and(|rows| rows.iter().any(is_blocked)) {
                "to collect the rest, once the folder in the place of a file is moved away"
            } else {
                "to collect the rest"
            };
            hints.push(Hint::new(why, &commands.collect));
        }
        hints
    }
}

fn after_stop(finished: &Finished, commands: &Commands) -> Option<Hint> {
    let again = |why: &str| Hint::new(why, &commands.again);
    let after = |remedy: &str, command: &str| Hint::new(format!("{remedy}, then"), command);
    if let Some(unsaved) = &finished.unsaved {
        let is_tampered = unsaved.error.get_ref().is_some_and(|e| e.is::<Tampered>());
        return Some(if is_tampered {
            again("to continue")
        } else {
            after(remedy(&unsaved.error), &commands.again)
        });
    }
    Some(match finished.stop.as_ref()? {
        StopReason::Ledger(error) => after(remedy(&error.0), &commands.again),
        StopReason::Output(trouble) => after(trouble.remedy, &commands.collect),
        StopReason::Pacing(StopCause::WaitTooLong { .. }) => again("to continue after the wait"),
        StopReason::Pacing(_) | StopReason::Down { .. } => {
            again("to continue, once the server is back")
        }
        StopReason::Credentials(_) => again("to continue, with a token that the server accepts"),
        StopReason::Forbidden(_) => again("to continue, with a token that may create reports"),
        StopReason::TooManyFailures(_) => commands.once_fixed("to continue", &commands.again),
        StopReason::Interrupted(_) => again("to continue"),
    })
}

/// What a person has to do about one report at a time.
const BY_HAND: [(Obstacle, &str); 2] = [
    (Obstacle::Gone, "to recreate the report that is gone from the server"),
    (Obstacle::UnknownStatus, "to recreate the report whose status may be final"),
];

const NOT_GENERATED: &str = "to recreate the reports that the server could not generate";
