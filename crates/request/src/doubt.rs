/// Why an exchange is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// No answer, an error that says nothing about processing, or a page in place of an answer: the report may exist.
    Open,
    /// A 2xx whose report id cannot be read: the report exists, so it is never created again.
    SaidYes,
}

/// `error_code` of a page with a 2xx status that came in place of an answer: no success of the API.
pub fn page_code(status: u16) -> String {
    format!("http_{status}")
}
