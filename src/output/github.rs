//! GitHub Actions: annotations, and a table in the step summary.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write as _},
    path::Path,
};

use super::{
    Ending, Reporter,
    causes::{CauseGroup, GroupBy},
    console, words,
    workflow_command::{annotation, is_on},
};
use crate::text::{named, one_line};

#[derive(Debug)]
pub struct GithubActions;

impl GithubActions {
    pub fn if_on() -> Option<Self> {
        is_on().then_some(GithubActions)
    }
}

impl Reporter for GithubActions {
    fn name(&self) -> String {
        "the step summary".to_owned()
    }

    fn end(&mut self, ending: &Ending<'_>) -> io::Result<()> {
        let failures = ending.failures(GroupBy::Code);
        let uncollected = ending.uncollected(GroupBy::Code);
        let about = ending.about;
        let file = in_workspace(&about.manifest_path);
        for failure in failures.iter().chain(&uncollected) {
            let job = failure.rows.first().map(|row| &*row.job).unwrap_or_default();
            let line = about.job_lines.get(job);
            let place = line.map(|line| (&*file, *line));
            console::annotate(&annotation("error", place, &sentence(failure)));
        }
        match env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
            None => Ok(()),
            Some(path) => {
                let mut summary = OpenOptions::new().append(true).create(true).open(path)?;
                summary.write_all(table(ending, &failures, &uncollected).as_bytes())
            }
        }
    }
}

/// GitHub names files by their path in the repository.
fn in_workspace(path: &Path) -> String {
    let workspace = env::var_os("GITHUB_WORKSPACE").unwrap_or_default();
    let whole = std::path::absolute(path).unwrap_or_default();
    let inner = whole.strip_prefix(&workspace).ok().filter(|_| !workspace.is_empty());
    inner.unwrap_or(path).display().to_string()
}

fn sentence(failure: &CauseGroup<'_>) -> String {
    let all = failure.rows.len();
    one_line(&format!(
        "{}: {} ({}: {})",
        failure.code,
        failure.said().join("; "),
        words::count(all, "request"),
        named(failure.rows.iter().take(3).map(|row| words::name(row)), all)
    ))
}

fn table(
    ending: &Ending<'_>,
    failures: &[CauseGroup<'_>],
    uncollected: &[CauseGroup<'_>],
) -> String {
    let about = ending.about;
    let standing = ending.standing();
    let rehearsal = if about.rehearsal { " (SANDBOX)" } else { "" };
    let mut out = format!(
        "### monthend {}: {}{rehearsal}\n\n| requests | |\n| --- | ---: |\n",
        about.command,
        cell(&about.manifest)
    );
    for (what, n) in [
        ("created", standing.created),
        ("failed", standing.failed),
        ("pending", standing.pending),
        ("sending", standing.sending),
        ("collected", standing.collected),
        ("empty", standing.empty),
    ] {
        if n > 0 || what == "created" {
            out.push_str(&format!("| {what} | {} |\n", words::grouped(n)));
        }
    }
    if !(failures.is_empty() && uncollected.is_empty()) {
        out.push_str("\n| cause | what | sub-partners | requests |\n| --- | --- | ---: | ---: |\n");
    }
    for failure in failures.iter().chain(uncollected) {
        out.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            cell(failure.code),
            cell(&failure.said().join("; ")),
            words::grouped(failure.sub_partners()),
            words::grouped(failure.rows.len()),
        ));
    }
    let reason =
        ending.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", cell(reason)));
    out.push_str(&format!("\nexit code {}{reason}\n\n", ending.exit_code));
    out
}

fn cell(text: &str) -> String {
    const MOST: usize = 300;
    let line = one_line(text);
    let mut out = String::new();
    for (n, c) in line.chars().enumerate() {
        if n == MOST {
            out.push('…');
            break;
        }
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!'
            | '|' | '~' | '@' | ':' | '$' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cell_is_text_and_nothing_else() {
        assert_eq!(cell("a|b<i>\n`c`"), "a&#124;b&lt;i&gt; &#96;c&#96;");
        assert_eq!(cell(&"a".repeat(100_000)).chars().count(), 301);
    }

    proptest! {
        #[test]
        fn foreign_text_breaks_no_table(text in "([|<>&`\\\\ \n\r\t:]|.)*") {
            prop_assert!(!cell(&text).contains(['|', '\n', '\r', '<', '`']));
        }
    }
}
