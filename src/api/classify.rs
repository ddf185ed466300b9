use super::{Refusal, WaitKind};
use request::Doubt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Classification<T> {
    Done(T),
    Refused(Refusal),
    InDoubt(Doubt),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyContent<T> {
    Wanted(T),
    /// Text that is not JSON, from a proxy or a sign-in page.
    Page,
    /// Anything else: it may be the API's.
    Unreadable,
}

/// The one table of what a status means for sending again. Total: every status has a verdict.
///
/// | status | body | `Retry-After` | verdict |
/// | --- | --- | --- | --- |
/// | 2xx | readable | any | `Done(_)` |
/// | 2xx | unreadable | any | `InDoubt(SaidYes)` |
/// | 2xx | page | any | `InDoubt(Open)` |
/// | 3xx | any | any | `InDoubt(Open)` |
/// | 401 | any | any | `Refused(Unauthorized)` |
/// | 403 | any | any | `Refused(Forbidden)` |
/// | 408 | any | any | `InDoubt(Open)` |
/// | 409 | any | any | `Refused(Conflict)` |
/// | 423 | any | readable | `Refused(Wait(Busy))` |
/// | 423 | any | none | `Refused(Locked)` |
/// | 429 | any | any | `Refused(Wait(RateLimit))` |
/// | 499 | any | any | `InDoubt(Open)` |
/// | other 4xx | any | any | `Refused(Final)` |
/// | 503 | any | readable | `Refused(Wait(Busy))` |
/// | 503 | any | none | `InDoubt(Open)` |
/// | other 5xx | any | any | `InDoubt(Open)` |
/// | anything else | any | any | `InDoubt(Open)` |
///
/// A status that the API reference does not list says nothing about processing, so it leaves a doubt; but a 4xx is a
/// refusal (RFC 9110, 15.5), except after a gateway's time-out (408, 499). A redirect may come after the work was done
/// (303). A page is no success of the API: it says as much as a 502.
///
/// `contents`: whether the body has what was asked for (of a create: a report id); only used for 2xx.
/// `retry_after_readable`: by [`super::Notice`], zero and past dates included.
pub(super) fn verdict<T>(
    status: u16,
    contents: BodyContent<T>,
    retry_after_readable: bool,
) -> Classification<T> {
    use Classification::{Done, InDoubt, Refused};
    match status {
        200..=299 => match contents {
            BodyContent::Wanted(wanted) => Done(wanted),
            BodyContent::Page => InDoubt(Doubt::Open),
            BodyContent::Unreadable => InDoubt(Doubt::SaidYes),
        },
        401 => Refused(Refusal::Unauthorized),
        403 => Refused(Refusal::Forbidden),
        408 | 499 => InDoubt(Doubt::Open),
        409 => Refused(Refusal::Conflict),
        429 => Refused(Refusal::Wait(WaitKind::RateLimit)),
        423 | 503 if retry_after_readable => Refused(Refusal::Wait(WaitKind::Busy)),
        423 => Refused(Refusal::Locked),
        400..=499 => Refused(Refusal::Final),
        _ => InDoubt(Doubt::Open),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table in this file's own doc comment.
    fn table() -> Vec<[String; 4]> {
        include_str!("classify.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("/// | "))
            .skip(2)
            .map(|row| {
                let cells: Vec<String> = row
                    .trim_end_matches(" |")
                    .split(" | ")
                    .map(|cell| cell.trim_matches('`').to_owned())
                    .collect();
                cells.try_into().unwrap()
            })
            .collect()
    }

    /// How exactly `pattern` names `status`: 2 by number, 1 by class, 0 as anything else.
    fn precision(pattern: &str, status: u16) -> Option<u8> {
        let class = pattern.trim_start_matches("other ").strip_suffix("xx");
        if pattern == "anything else" {
            Some(0)
        } else if let Some(class) = class {
            (class.parse() == Ok(status / 100)).then_some(1)
        } else {
            (pattern.parse() == Ok(status)).then_some(2)
        }
    }

    #[test]
    fn every_status_is_judged_as_the_table_says() {
        let table = table();
        assert_eq!(table.len(), 17);
        for status in 100..=999 {
            for body in ["readable", "unreadable", "page"] {
                for header in [true, false] {
                    let announced = if header { "readable" } else { "none" };
                    let fits = |cell: &str, is: &str| cell == "any" || cell == is;
                    let (_, row) = table
                        .iter()
                        .filter(|row| fits(&row[1], body) && fits(&row[2], announced))
                        .filter_map(|row| Some((precision(&row[0], status)?, row)))
                        .max_by_key(|(precision, _)| *precision)
                        .unwrap();
                    let contents = match body {
                        "readable" => BodyContent::Wanted('_'),
                        "page" => BodyContent::Page,
                        _ => BodyContent::Unreadable,
                    };
                    let verdict = verdict(status, contents, header);
                    let verdict = format!("{verdict:?}").replace('\'', "");
                    assert_eq!(verdict, row[3], "{status} {body} {header}");
                }
            }
        }
    }
}
