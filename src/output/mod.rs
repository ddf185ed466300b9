//! What people and scripts read. Results go to stdout and are stable; all else goes to stderr through [`console`]. Each
//! output is one [`Reporter`] of a run's events.

mod acceptance;
mod audit_view;
mod causes;
mod checklist;
mod color;
mod columns_view;
pub mod console;
mod decisions;
mod document;
mod echo;
mod ending;
mod filters;
mod github;
pub mod history;
mod junit;
mod missing_files;
mod next;
pub mod page;
mod plan_view;
mod progress;
mod reconcile_view;
mod recorder;
mod reporters;
mod rows;
mod status_view;
mod stdout;
mod sum_texts;
mod summary;
mod units_view;
mod verify_view;
mod words;

#[cfg(test)]
mod hostile;

pub use audit_view::{AuditJson, AuditView, TotalsView};
pub use causes::{CauseGroup, GroupBy, causes, failed_or_uncollected};
pub use checklist::{CheckItem, CheckJson, Checklist, Coverage};
pub use color::Color;
pub use columns_view::{ColumnsJson, ColumnsView};
pub use decisions::{CandidateReport, Decisions, Knowledge, UndecidedRow};
pub use document::{Document, DocumentKind, SummaryJson};
pub use ending::{About, Ending};
pub use github::GithubActions;
pub use junit::{TestCase, audit_cases, checks_junit};
pub use missing_files::write_missing;
pub use next::{Commands, Hint};
pub use plan_view::{Action, PlanJson, PlanView, Workload, Would, first_line};
pub use progress::Progress;
pub use reconcile_view::{ReconcileJson, ReconcileView};
pub use recorder::HistoryReporter;
pub use reporters::{Reporter, Reporters};
pub use rows::{View, schema_of};
pub use status_view::{LifeView, RowsView, StatusView};
pub use summary::Summary;
pub use units_view::{UnitsJson, UnitsView};
pub use verify_view::{VerifyView, verify_table};
pub(crate) use words::{duration, listed, moment_here, moment_text, name as request_name};
