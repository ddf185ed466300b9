use crate::{ledger::Row, text::one_line};
use request::internal_mark;

pub(super) use crate::text::{count, grouped};

/// Label, id or `own`, then `internal` if it is set.
pub(super) fn who(row: &Row) -> String {
    one_line(row.who()) + internal_mark(row.request().internal)
}
