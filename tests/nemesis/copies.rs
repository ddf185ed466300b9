//! Ledgers of which there are two: a copy that is set aside and merged later, and two people who each make a part.

use std::fs;

use crate::{
    hands::LEDGER,
    history::{History, PATIENCE, renewable},
    support::Ended,
};

/// A copy that somebody has set aside.
const ASIDE: &str = "aside.csv";
/// The second one's ledger.
const SECOND: &str = "second.csv";

impl History<'_> {
    /// Somebody sets a copy of the ledger aside; or the one that was set aside is merged with the ledger again, and
    /// nothing that was known meanwhile is lost by it.
    pub(crate) fn copy_aside(&mut self) -> Result<(), String> {
        if !self.desk.has(ASIDE) {
            fs::copy(self.desk.path(LEDGER), self.desk.path(ASIDE)).unwrap();
            self.tell("a copy is set aside".to_owned());
            return Ok(());
        }
        self.unite(ASIDE)
    }

    /// A ledger that was lost is made again by other rules: the copy would hold other reports.
    pub(crate) fn forget_copies(&self) {
        for name in [ASIDE, SECOND] {
            let _ = fs::remove_file(self.desk.path(name));
        }
    }

    /// Two people, each with a copy of the ledger, make a part each at the same time, and merge them.
    pub(crate) fn two_people(&mut self) -> Result<(), String> {
        fs::copy(self.desk.path(LEDGER), self.desk.path(SECOND)).unwrap();
        let parts = self.plan.parts();
        let ledgers = [LEDGER, SECOND];
        let mut running = Vec::new();
        for (part, ledger) in parts.iter().zip(ledgers) {
            let command = self.desk.converge().args(["--ledger", ledger]);
            let command = self.clock.shown_to(renewable(command.arg(part)));
            let kill = (self.rng.u8(0..4) == 0).then(|| self.rng.u64(1..900));
            running.push((command.to_string(), command.start(), kill));
        }
        for (shown, mut one, kill) in running {
            if let Some(after) = kill {
                std::thread::sleep(std::time::Duration::from_millis(after));
                one.kill();
                self.tell(format!("{shown}\n  killed after {after} ms"));
                continue;
            }
            let ended: Ended = one.wait_at_most(PATIENCE);
            self.tell(ended.to_string());
            if !matches!(ended.code, Some(0 | 1 | 3)) {
                return Err(format!("exit code {:?} of one of two", ended.code));
            }
        }
        self.judge_made()?;
        self.unite(SECOND)
    }

    fn unite(&mut self, other: &str) -> Result<(), String> {
        let merged = self.desk.monthend(["merge", LEDGER, other, "-o", LEDGER]);
        let merged = merged.run();
        self.tell(merged.to_string());
        if merged.code != Some(0) {
            return Err(format!("exit code {:?} of a merge", merged.code));
        }
        fs::remove_file(self.desk.path(other)).unwrap();
        self.judge()
    }
}
