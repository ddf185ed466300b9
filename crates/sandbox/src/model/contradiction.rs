//! Items of a list that contradict the query which the list answers.

use chrono::Days;
use serde_json::{Map, Value, json};

use super::report::{Origin, StoredReport};

/// In which way an item contradicts its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// Its days are moments of another time zone: the first one is the day before.
    Days,
    /// Its organisation is spelled in a way that is no form of an id.
    Organisation,
    /// It says the opposite of `internal`.
    Internal,
    /// Its category has white space around it.
    PaddedCategory,
    /// Its category is empty.
    EmptyCategory,
}

impl Contradiction {
    /// Those that a list can show of this report.
    pub(super) fn of(report: &StoredReport) -> &'static [Self] {
        use Contradiction::{Days, EmptyCategory, Internal, Organisation, PaddedCategory};
        match (&report.request.sub_partner, report.origin) {
            // That of somebody else would seem to be its twin, and nobody could tell.
            (_, Origin::Elsewhere) => &[Days, PaddedCategory],
            (Some(_), Origin::Create) => {
                &[Days, Organisation, Internal, PaddedCategory, EmptyCategory]
            }
            (None, Origin::Create) => &[Days, Internal, PaddedCategory, EmptyCategory],
        }
    }

    /// Whether the item means another report, for who believes it.
    pub fn is_of_another(self) -> bool {
        !matches!(self, Self::PaddedCategory | Self::EmptyCategory)
    }

    /// Writes it into an item.
    pub(super) fn show(self, item: &mut Map<String, Value>, report: &StoredReport) {
        let request = &report.request;
        let mut set = |name: &str, value| drop(item.insert(name.to_owned(), value));
        match self {
            Self::Days => {
                let first = request.period.start() - Days::new(1);
                set("billingStartDate", json!(format!("{first}T22:00:00Z")));
                let last = request.period.end();
                set("billingEndDate", json!(format!("{last}T21:59:59Z")));
            }
            Self::Organisation => {
                let org = request.sub_partner.as_ref().map_or("", |org| org.as_str());
                set("subPartnerOrgId", json!(format!("urn:org:{org}")));
            }
            Self::Internal => set("internal", json!(!request.internal)),
            Self::PaddedCategory => {
                set("category", json!(format!(" {} ", report.category.as_str())));
            }
            Self::EmptyCategory => set("category", json!("")),
        }
    }
}
