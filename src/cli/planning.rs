//! From a manifest to its plan and the selection: the same for `plan`, `run` and `audit`.

use chrono::{Days, NaiveDate, Utc};

use super::{args::CalendarArgs, error::CliError};
use crate::{
    ledger::{Ledger, Row},
    manifest::{DateCheck, Discovered, LoadOptions, Manifest},
    plan::{Plan, Selection, take_known},
};
use request::{Period, RequestIds};

/// What a plan is made of, but for the sub-partners that the API lists.
pub(super) struct Planning<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) calendar: &'a CalendarArgs,
    pub(super) selection: &'a Selection,
    pub(super) ledger: &'a Ledger,
    /// Whether the ledger tells the sub-partners that a job discovers.
    pub(super) is_offline: bool,
}

impl Planning<'_> {
    /// The ids are those of the selected requests.
    pub(super) fn plan(&self, discovered: &Discovered) -> Result<(Plan, RequestIds), CliError> {
        let plan = Plan::expand(self.manifest, discovered)?.not_empty()?;
        let selected = (self.selection).of_plan(&plan, self.manifest, discovered, self.ledger);
        match selected {
            Ok(selected) => Ok((plan, selected)),
            Err(source) => Err(CliError::NotPlanned { source, as_of: self.other_day(discovered) }),
        }
    }

    /// A day on which the selection matches something: after a selected period, or after one of the ledger. It is tried
    /// out.
    fn other_day(&self, discovered: &Discovered) -> Option<NaiveDate> {
        if !self.manifest.is_relative {
            return None;
        }
        let rows = self.ledger.rows().map(Row::request);
        let mut of_ledger: Vec<Period> = rows.map(|request| request.period).collect();
        of_ledger.sort_unstable();
        of_ledger.dedup();
        let periods = self.selection.periods.iter().chain(of_ledger.iter().rev());
        let mut days = periods.filter_map(|period| period.end().checked_add_days(Days::new(1)));
        days.find(|day| self.matches_as_of(*day, discovered))
    }

    fn matches_as_of(&self, as_of: NaiveDate, discovered: &Discovered) -> bool {
        let options = LoadOptions {
            as_of,
            today: Utc::now().date_naive(),
            date_check: DateCheck::from(self.calendar),
        };
        let Ok(mut manifest) = Manifest::load(&self.manifest.path, &options) else {
            return false;
        };
        if self.is_offline && take_known(&mut manifest, self.ledger, &self.selection.jobs).is_err()
        {
            return false;
        }
        let plan = Plan::expand(&manifest, discovered);
        plan.is_ok_and(|plan| {
            let selected = (self.selection).of_plan(&plan, &manifest, discovered, self.ledger);
            selected.is_ok()
        })
    }
}

impl From<&CalendarArgs> for DateCheck {
    fn from(calendar: &CalendarArgs) -> Self {
        if calendar.no_date_check { DateCheck::Off } else { DateCheck::On }
    }
}
