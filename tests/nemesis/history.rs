//! One history: steps drawn from the seed, each judged, and an end at which everything has to be done.

use std::{collections::BTreeMap, thread::sleep, time::Duration};

use fastrand::Rng;
use sandbox::model::Origin;
use sandbox::{CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, StoredReport};

use crate::{
    clock::Clock,
    hands::{self, LEDGER},
    meddling::is_rescued,
    support::{Desk, Monthend, Served, breaches, law::asked},
    world::{Nature, Plan, SETTLE},
};

/// A run that was once told to wait by a server that hardly answers is slow for minutes; one that takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// Runs of a calm server, each with a person after it, until nothing is left to do.
const CALM_RUNS: usize = 6;
/// Exit codes of a process that was not killed: what is documented, but for usage (2) and the ledger (4), with which
/// nothing is wrong here.
const CODES: [i32; 5] = [0, 1, 3, 130, 143];

pub(crate) struct History<'t> {
    pub(crate) rng: Rng,
    pub(crate) desk: Desk,
    pub(crate) plan: Plan,
    pub(crate) clock: Clock,
    nature: Nature,
    server: Served,
    /// A proxy answers one process with what another one was told: only who compares both ledgers can see it.
    repeats: bool,
    told: &'t mut Vec<String>,
    tells: bool,
    /// The ledger was lost: until a whole run has ended, each asks for what exists.
    lost: bool,
    /// Somebody else's report may be a row's by the rules: asked for, or said to exist.
    takes_others: bool,
}

/// Plays the history of `seed`, and tells what happened.
///
/// # Errors
/// How the law was broken.
pub(crate) fn play(seed: u64, told: &mut Vec<String>) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let desk = Desk::new();
    let plan = Plan::draw(&mut rng);
    let nature = Nature::draw(&mut rng, &plan);
    let config = nature.worst(&mut rng, &plan);
    let server = serve(&desk, &config);
    let takes_others = nature.refuses_duplicates();
    let clock = Clock::new(&desk);
    let mut history = History {
        rng,
        desk,
        clock,
        plan,
        nature,
        server,
        repeats: config.contains("kind: repeat"),
        told,
        tells: std::env::var_os("MONTHEND_NEMESIS_SEED").is_some(),
        lost: false,
        takes_others,
    };
    history.tell(format!("{}\n{config}", history.plan.jobs()));
    history.begin()?;
    for _ in 0..history.rng.usize(3..8) {
        history.step()?;
    }
    history.end()
}

fn serve(desk: &Desk, config: &str) -> Served {
    let state = desk.path("state").display().to_string();
    Served::new(&format!("state: {state}\n{config}"))
}

impl History<'_> {
    pub(crate) fn tell(&mut self, text: String) {
        if self.tells {
            println!("{text}");
        }
        self.told.push(text);
    }

    /// The manifest for the server as it is now, with settings of this history.
    fn begin(&mut self) -> Result<(), String> {
        let concurrency = [1, 4, 16][self.rng.usize(0..3)];
        let failures = [3, 50, 50][self.rng.usize(0..3)];
        let settings = format!(
            "limits.concurrency: {concurrency}\nretry.max_consecutive_failures: {failures}\nretry.settle: {}ms\napi.request_timeout: 400ms\nretry.max_stall: 20s",
            SETTLE.as_millis()
        );
        let url = self.server.url().to_owned();
        self.desk.manifest_with(&url, &settings, &self.plan.jobs());
        self.run()
    }

    fn step(&mut self) -> Result<(), String> {
        let has_ledger = self.desk.has(LEDGER);
        match self.rng.u8(0..26) {
            9..=11 if has_ledger && self.is_at_rest() => {
                let others = self.takes_others;
                let told = hands::resolve(&self.desk, false, others);
                self.tell(format!("a person decides\n{}", told.join("\n")));
                Ok(())
            }
            12..=13 if has_ledger && self.is_at_rest() => {
                let told = hands::edit(&self.desk, &mut self.rng);
                self.tell(told);
                Ok(())
            }
            14..=16 => {
                self.plan.grow();
                self.tell("the plan grows".to_owned());
                self.begin()
            }
            17..=18 => {
                self.plan.grow();
                self.server.stop();
                let config = self.nature.worst(&mut self.rng, &self.plan);
                self.server = serve(&self.desk, &config);
                self.repeats = config.contains("kind: repeat");
                self.tell(format!("the server restarts:\n{config}"));
                self.begin()
            }
            19 if has_ledger => {
                // Whoever asks for what exists waits until it is listed.
                sleep(SETTLE * 2);
                // What was rescued of it would have to be merged with the next one first.
                for name in self.desk.files() {
                    if name == LEDGER || is_rescued(&name) {
                        std::fs::remove_file(self.desk.path(&name)).unwrap();
                    }
                }
                self.forget_copies();
                (self.lost, self.takes_others) = (true, true);
                self.tell("the ledger is lost".to_owned());
                self.run()
            }
            20..=21 if has_ledger && self.is_at_rest() && !self.lost => self.copy_aside(),
            22..=23 if has_ledger && self.is_at_rest() && !self.lost && !self.repeats => {
                self.two_people()
            }
            24..=25 => {
                self.sets_clock();
                self.run()
            }
            _ => self.run(),
        }
    }

    /// Somebody sets the computer's clock.
    fn sets_clock(&mut self) {
        let aheads = [-86_400, -3600, -30, -2, 0, 2, 30, 3600, 86_400];
        let ahead = aheads[self.rng.usize(0..aheads.len())];
        self.clock.set(ahead);
        self.tell(format!("the clock is set to {ahead} s ahead"));
    }

    /// Whether no process that was killed left its journal: whoever edits a ledger does so after a command that ended.
    fn is_at_rest(&self) -> bool {
        let mut rows: Vec<String> = Vec::new();
        for line in self.desk.ledger().lines {
            rows.push(line["request_id"].to_owned());
        }
        let all = rows.len();
        rows.sort();
        rows.dedup();
        rows.len() == all && self.desk.read(LEDGER).ends_with('\n')
    }

    /// A run or a retry with drawn options, that ends by itself, by a signal, or killed.
    fn run(&mut self) -> Result<(), String> {
        let at_rest = self.desk.has(LEDGER).then(|| self.is_at_rest());
        let before = (at_rest == Some(true)).then(|| self.desk.read(LEDGER));
        let rng = &mut self.rng;
        let retry = !self.lost && self.desk.has(LEDGER) && rng.u8(0..4) == 0;
        let mut command = if retry { self.desk.retry() } else { self.desk.converge() };
        let mut whole = !retry;
        if !retry && (self.lost || rng.u8(0..5) == 0) {
            command = command.arg("--existing=adopt");
            self.takes_others = true;
        }
        if !self.lost && rng.u8(0..3) == 0 {
            let selector = &self.plan.selectors[rng.usize(0..self.plan.selectors.len())];
            command = command.arg(selector);
            whole = false;
        }
        let fate = rng.u8(0..13);
        let is_set = rng.u8(0..6) == 0;
        let after = if rng.bool() {
            Duration::from_millis(rng.u64(1..150))
        } else {
            Duration::from_millis(rng.u64(1..1500))
        };
        let command = renewable(command).arg(format!("--grace={}ms", rng.u64(1..600)));
        let shown = command.to_string();
        let mut running = self.clock.shown_to(command).start();
        if is_set {
            sleep(after / 2);
            self.sets_clock();
        }
        let mut meddled = None;
        let ended = match fate {
            // A torn last line is no copy that anybody saves.
            10.. if at_rest != Some(false) && !self.lost => {
                meddled = self.meddle(&mut running, before.as_deref());
                running.wait_at_most(PATIENCE)
            }
            0..=4 => running.wait_at_most(PATIENCE),
            5..=7 => {
                sleep(after);
                running.kill();
                self.tell(format!("{shown}\n  killed after {after:?}"));
                return self.judge_made();
            }
            _ => {
                sleep(after);
                running.signal(["INT", "TERM"][usize::from(fate) % 2]);
                running.wait_at_most(PATIENCE)
            }
        };
        self.tell(ended.to_string());
        if let Some(meddled) = &meddled {
            self.tell(format!("  {meddled}"));
            self.judge_meddled(meddled, &ended)?;
        }
        let was_noticed = ended.code == Some(4) && meddled.is_some();
        if !was_noticed && !ended.code.is_some_and(|code| CODES.contains(&code)) {
            // A selection may match nothing in a ledger that does not hold the row yet.
            let unknown = ended.code == Some(2) && ended.stderr.contains("matches nothing");
            if !unknown {
                return Err(format!("exit code {:?}", ended.code));
            }
        }
        if whole && matches!(ended.code, Some(0 | 1)) {
            self.lost = false;
        }
        self.judge()
    }

    /// Nothing was made twice, whatever the ledger says.
    pub(crate) fn judge_made(&self) -> Result<(), String> {
        let mut made: BTreeMap<String, Vec<StoredReport>> = BTreeMap::new();
        for report in hands::record(&self.desk) {
            if report.origin == Origin::Create {
                made.entry(asked(&report)).or_default().push(report);
            }
        }
        made.retain(|_, reports| reports.len() > 1);
        if made.is_empty() {
            return Ok(());
        }
        Err(format!("made twice: {made:#?}"))
    }

    /// The law, for a ledger at rest.
    pub(crate) fn judge(&self) -> Result<(), String> {
        if !self.desk.has(LEDGER) {
            return self.judge_made();
        }
        let ledger = self.desk.ledger();
        let reports = hands::record(&self.desk);
        let mut breaches = breaches(&reports, &ledger);
        if !self.takes_others {
            breaches.extend(hands::passed_over(&reports, &ledger));
        }
        if breaches.is_empty() {
            return Ok(());
        }
        Err(format!("{breaches:#?}\n{}", self.desk.read(LEDGER)))
    }

    /// The server is well again: everything comes to its end.
    fn end(&mut self) -> Result<(), String> {
        self.server.stop();
        self.server = serve(&self.desk, &self.nature.calm(&self.plan));
        self.tell("the server is well".to_owned());
        let url = self.server.url().to_owned();
        let settings = format!("retry.settle: {}ms", SETTLE.as_millis());
        self.desk.manifest_with(&url, &settings, &self.plan.jobs());
        for _ in 0..CALM_RUNS {
            let mut command = self.desk.converge();
            if self.lost {
                command = command.arg("--existing=adopt");
            }
            let ended = self.clock.shown_to(renewable(command));
            let ended = ended.start().wait_at_most(PATIENCE);
            self.tell(ended.to_string());
            self.judge()?;
            match ended.code {
                Some(0) => {
                    let ledger = self.desk.ledger();
                    let done = ledger.count("created") == ledger.lines.len();
                    return if done {
                        Ok(())
                    } else {
                        Err(format!("exit code 0, and not done: {ledger:#?}"))
                    };
                }
                Some(1) => self.lost = false,
                code => return Err(format!("exit code {code:?} of a calm server")),
            }
            let told = hands::resolve(&self.desk, true, self.takes_others);
            self.tell(told.join("\n"));
            if self.desk.ledger().count("failed") > 0 {
                let retry = self.clock.shown_to(renewable(self.desk.retry()));
                let ended = retry.start().wait_at_most(PATIENCE);
                self.tell(ended.to_string());
                self.judge()?;
            }
        }
        Err("it does not come to an end".to_owned())
    }
}

/// With all that renews a token.
pub(crate) fn renewable(command: Monthend) -> Monthend {
    command
        .env("WEBEX_CLIENT_ID", CLIENT_ID)
        .env("WEBEX_CLIENT_SECRET", CLIENT_SECRET)
        .env("WEBEX_REFRESH_TOKEN", REFRESH_TOKEN)
}
