//! Output made fit for a snapshot: what differs from run to run becomes a placeholder of fixed width.

use super::Desk;

/// Replaces the desk's folder, ports, times, durations, versions and the ids of the sandbox's reports.
pub(crate) fn redact(desk: &Desk, text: &str) -> String {
    let text = text.replace(&desk.folder().display().to_string(), "[DESK]");
    let text = text.replace(env!("CARGO_BIN_EXE_monthend"), "monthend");
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let line = after(line, "127.0.0.1:", |c| c.is_ascii_digit(), "[PORT]");
        let line = after(&line, "monthend ", |c| c.is_ascii_digit() || c == '.', "[VERSION]");
        let line = after(&line, "elapsed ", |c| c != ',' && c != '\n', "[TIME]");
        let line = without_rate(&line);
        let line = ids(&line);
        let line = shaped(&line, "0000-00-00T00:00:00.000Z", "[YYYY-MM-DDTHH:MM:SSSSZ]");
        let line = shaped(&line, "0000-00-00T00:00:00Z", "[YYYY-MM-DDTHH:MM:S]");
        out += &shaped(&line, "0000-00-00 00:00:00 UTC", "[YYYY-MM-DD HH:MM:SS Z]");
    }
    out
}

/// What follows `marker` for as long as `belongs` says so.
pub(crate) fn after(
    line: &str,
    marker: &str,
    belongs: impl Fn(char) -> bool,
    placeholder: &str,
) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(marker) {
        let (head, tail) = rest.split_at(at + marker.len());
        let end = tail.find(|c| !belongs(c)).unwrap_or(tail.len());
        out += head;
        if end > 0 {
            out += placeholder;
        }
        rest = &tail[end..];
    }
    out + rest
}

/// The summary's last line without ` (12.3/s)`, which is there only when the run took a second.
fn without_rate(line: &str) -> String {
    let rate = line.find(" (").filter(|_| line.starts_with("elapsed "));
    match rate.and_then(|from| Some((from, line.find("/s)")?))) {
        Some((from, to)) => format!("{}{}", &line[..from], &line[to + "/s)".len()..]),
        None => line.to_owned(),
    }
}

/// Report ids of the sandbox: base64 of `ciscospark://sandbox/BILLING…`.
fn ids(line: &str) -> String {
    const BEGINNING: &str = "Y2lzY29zcGFyazovL3NhbmRib3gv";
    let is_id = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let line = line.replace(BEGINNING, "[REPORT-ID]");
    after(&line, "[REPORT-ID]", is_id, "").to_owned()
}

/// Text in which every digit stands where `shape` has a zero, and all else is equal.
fn shaped(line: &str, shape: &str, placeholder: &str) -> String {
    let fits = |text: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(t, s)| match s {
                b'0' => t.is_ascii_digit(),
                _ => t == s,
            })
    };
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if rest.get(..shape.len()).is_some_and(fits) {
            out += placeholder;
            rest = &rest[shape.len()..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}
