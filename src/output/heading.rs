use std::fmt::Write as _;

use super::words;
use crate::manifest::{BaseUrl, Limits};

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
        let mut parts = Vec::new();
        for (n, what) in [
            (to_send, "to send"),
            (to_look_up, "in doubt to look up first"),
            (created, "created before"),
            (adopted, "adopted"),
            (undecided, "to be decided by hand"),
        ] {
            if n > 0 {
                parts.push(format!("{} {what}", words::grouped(n)));
            }
        }
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
