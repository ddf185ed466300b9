use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    io,
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{View, rows, words};
use crate::{
    ledger::{Ledger, Row, State},
    manifest::{BaseUrl, Limits},
    plan::{Plan, Planned, Warning, time_to_send},
    text::one_line,
};
use request::RequestId;

/// What a run would do with a planned request, given the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Create the report.
    Send,
    /// Look on the server first whether it was made: it is in doubt.
    LookUp,
    /// Nothing: it is created.
    Skip,
    /// Nothing: it ended `in_doubt`, and a person has to decide.
    Decide,
    /// Wait for the report, and download it.
    Collect,
    /// Nothing: its file was changed on the disk, and `--force` is not given.
    Leave,
}

/// Which command would do it.
#[derive(Debug, Clone)]
pub struct Would {
    pub command: &'static str,
    /// What becomes of created rows; none where nothing is collected.
    pub collects: Option<HashMap<RequestId, Action>>,
}

impl Action {
    pub fn for_row(row: Option<&Row>) -> Self {
        match row.map(|row| &row.state) {
            None | Some(State::Pending { .. } | State::Failed { .. }) => Action::Send,
            Some(State::InDoubt { .. }) => Action::Decide,
            Some(State::Created(_)) => Action::Skip,
            Some(State::Sending { .. }) => Action::LookUp,
        }
    }
}

pub struct PlanView<'a> {
    pub name: &'a str,
    pub limits: &'a Limits,
    pub would: Would,
    pub warnings: &'a [Warning],
    pub plan: &'a Plan,
    pub selected: Vec<&'a Planned>,
    pub ledger: &'a Ledger,
    pub ledger_path: String,
    pub ledger_exists: bool,
}

/// Requests shown in the table.
const SHOWN: usize = 10;

/// A selected request.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Request", deny_unknown_fields)]
struct PlanRow<'a> {
    /// Its name in the ledger.
    request_id: String,
    /// The job that names it first.
    job: &'a str,
    /// The sub-partner's label; null where it has none.
    sub_partner: Option<&'a str>,
    /// The sub-partner's id; null for the partner itself.
    sub_partner_org_id: Option<&'a str>,
    /// PARTNER, CUSTOMER or USER.
    r#type: &'static str,
    /// The first day.
    billing_start_date: String,
    /// The last day.
    billing_end_date: String,
    /// Whether internal organisations are included.
    internal: bool,
    /// What would be done.
    action: Action,
    /// Why its row failed, or waits, before.
    error_code: Option<&'a str>,
}

/// What a manifest means, or a ledger leaves to do, and what a run would do about it.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanJson<'a> {
    /// The name of the manifest.
    manifest: &'a str,
    /// The ledger's path.
    ledger: &'a str,
    /// The selected requests.
    requests: usize,
    /// How many times a request is named again, and is not made again for it.
    folded: usize,
    /// How many requests by what would be done about them; what is not there is 0.
    actions: BTreeMap<Action, usize>,
    /// How long sending takes at least; null where no rate is set.
    seconds_at_the_configured_rate: Option<f64>,
    /// What is allowed and probably not meant.
    warnings: &'a [Warning],
    /// The selected requests in order.
    rows: Vec<PlanRow<'a>>,
}

impl View for PlanView<'_> {
    fn table(&self) -> String {
        let jobs = self.jobs();
        let requests = self.requests();
        format!("{jobs}\n{requests}\n{}", self.totals())
    }

    fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        rows::csv(self.rows(), out)
    }

    fn json(&self) -> serde_json::Result<String> {
        let actions = self.actions();
        let creates = actions.get(&Action::Send).copied().unwrap_or_default();
        rows::json(&PlanJson {
            manifest: self.name,
            ledger: &self.ledger_path,
            requests: self.selected.len(),
            folded: self.plan.folded(),
            seconds_at_the_configured_rate: time_to_send(self.limits, creates)
                .map(|time| time.as_secs_f64()),
            actions,
            warnings: self.warnings,
            rows: self.rows().collect(),
        })
    }
}

impl PlanView<'_> {
    fn rows(&self) -> impl Iterator<Item = PlanRow<'_>> {
        self.selected.iter().map(|planned| {
            let request = &planned.request;
            let code = self.ledger.get(planned.id).map(|row| row.state.error_code());
            PlanRow {
                request_id: planned.id.to_string(),
                job: &planned.job,
                sub_partner: planned.label.as_deref(),
                sub_partner_org_id: request.sub_partner.as_ref().map(|org| org.as_str()),
                r#type: request.report_type.as_str(),
                billing_start_date: request.period.start().to_string(),
                billing_end_date: request.period.end().to_string(),
                internal: request.internal,
                action: self.action(planned),
                error_code: code.filter(|code| !code.is_empty()),
            }
        })
    }

    fn action(&self, planned: &Planned) -> Action {
        match (Action::for_row(self.ledger.get(planned.id)), &self.would.collects) {
            (Action::Skip, Some(actions)) => *actions.get(&planned.id).unwrap_or(&Action::Skip),
            (action, _) => action,
        }
    }

    fn actions(&self) -> BTreeMap<Action, usize> {
        words::tally(self.selected.iter().map(|planned| self.action(planned)))
    }

    fn jobs(&self) -> String {
        let selected = words::tally(self.selected.iter().map(|planned| &*planned.job));
        let all = self.selected.len() == self.plan.requests().len();
        let jobs = self.plan.jobs().iter();
        let jobs = jobs.filter(|job| all || selected.contains_key(&*job.name)).map(|job| {
            let requests = selected.get(&*job.name).copied().unwrap_or_default();
            let counts = [requests, job.folded, job.excluded].map(words::grouped);
            [vec![job.name.to_string()], counts.to_vec()].concat()
        });
        let header = ["JOB", "REQUESTS", "NAMED TWICE", "EXCLUDED"];
        words::columns(&header, jobs.collect(), &[1, 2, 3])
    }

    fn requests(&self) -> String {
        let rows = self.rows().take(SHOWN).map(|row| {
            let who = row.sub_partner.or(row.sub_partner_org_id).unwrap_or("own");
            let internal = if row.internal { " internal" } else { "" };
            let mut would = rows::word(&row.action).replace('_', " ");
            if let Some(code) = row.error_code {
                let _ = write!(would, " (failed before: {code})");
            }
            vec![
                words::shortened(who),
                format!("{}{internal}", row.r#type),
                format!("{} to {}", row.billing_start_date, row.billing_end_date),
                would,
            ]
        });
        let would = format!("A {} WOULD", self.would.command.to_uppercase());
        let header = ["SUB-PARTNER", "TYPE", "DAYS", &would];
        let table = words::columns(&header, rows.collect(), &[]);
        let more = self.selected.len().saturating_sub(SHOWN);
        table + &words::more(more, "request", "--format csv shows all")
    }

    fn totals(&self) -> String {
        let actions = self.actions();
        let n = |action| actions.get(&action).copied().unwrap_or_default();
        let mut out = words::count(self.selected.len(), "request");
        let all = self.plan.requests().len();
        if self.selected.len() != all {
            let _ = write!(out, " selected of {}", words::grouped(all));
        }
        if self.plan.folded() > 0 {
            let _ = write!(out, "; {} named twice, sent once", words::grouped(self.plan.folded()));
        }
        let skipped = match self.would.collects {
            None => "skip {} created before",
            Some(_) => "skip {} collected before",
        };
        let (does, first) = match self.would.command {
            "collect" => ("wait for and download", Action::Collect),
            _ => ("send", Action::Send),
        };
        let (command, count) = (self.would.command, words::grouped(n(first)));
        let _ = write!(out, "\na {command} would {does} {count}");
        let rest = [
            (Action::Collect, "wait for and download {} created before"),
            (Action::Skip, skipped),
            (Action::LookUp, "look up {} in doubt"),
            (Action::Decide, "leave {} to be decided by hand"),
            (Action::Leave, "leave {} whose file was changed on the disk (--force replaces it)"),
        ];
        for (action, what) in rest {
            if action != first && n(action) > 0 {
                let _ = write!(out, ", {}", what.replace("{}", &words::grouped(n(action))));
            }
        }
        if n(Action::Send) + n(Action::LookUp) > 0 {
            let _ = write!(out, "; {}", words::at_rate(self.limits, n(Action::Send)));
        }
        let before = words::tally(self.rows().filter_map(|row| row.error_code));
        if !before.is_empty() {
            let failed = words::grouped(before.values().sum());
            let causes = before.iter();
            let causes: Vec<String> = causes
                .map(|(code, rows)| format!("{} {}", one_line(code), words::grouped(*rows)))
                .collect();
            let _ = write!(out, "\n{failed} failed before: {}", causes.join(", "));
        }
        let exists = if self.ledger_exists { "" } else { " (not there yet)" };
        let _ = writeln!(out, "\nledger {}{exists}", self.ledger_path);
        out
    }
}

/// Names the server, or says that this is a rehearsal, whatever the ledger is called.
pub fn first_line(server: &BaseUrl, is_rehearsal: bool) -> String {
    if is_rehearsal {
        "SANDBOX: a rehearsal; no real reports are made".to_owned()
    } else {
        format!("server {server}")
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Workload {
    pub to_send: usize,
    pub to_look_up: usize,
    pub created: usize,
    pub adopted: usize,
    pub undecided: usize,
}

impl Workload {
    /// `110 requests: 86 to send, 24 created before; about 1m 26s at 60/min`
    pub fn line(&self, limits: &Limits) -> String {
        let Workload { to_send, to_look_up, created, adopted, undecided } = *self;
        let all = to_send + to_look_up + created + adopted + undecided;
        let parts = [
            (to_send, "to send"),
            (to_look_up, "in doubt to look up first"),
            (created, "created before"),
            (adopted, "adopted"),
            (undecided, "to be decided by hand"),
        ];
        let parts: Vec<String> = words::numbers(&parts).collect();
        let mut line = words::count(all, "request");
        if !parts.is_empty() {
            let _ = write!(line, ": {}", parts.join(", "));
        }
        if to_send > 0 {
            let _ = write!(line, "; {}", words::at_rate(limits, to_send));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_to_do_on_one_line() {
        let limits = Limits {
            rate: "60/min".parse().unwrap(),
            burst: 1.try_into().unwrap(),
            ..Limits::default()
        };
        let work = |to_send, created| Workload { to_send, created, ..Workload::default() };
        for (work, line) in [
            (work(87, 24), "111 requests: 87 to send, 24 created before; about 1m 26s at 60/min"),
            (work(1, 0), "1 request: 1 to send; less than a second at 60/min"),
            (work(0, 1200), "1,200 requests: 1,200 created before"),
            (work(0, 0), "0 requests"),
        ] {
            assert_eq!(work.line(&limits), line);
        }
    }
}
