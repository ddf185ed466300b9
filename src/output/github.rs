//! GitHub Actions: annotations, a table in the step summary, and no workflow commands from texts. A runner takes each
//! output line that begins with `::`, after blanks or not, for a command, and `##[` anywhere in a line for one of an
//! older form.

use std::{
    borrow::Cow,
    env,
    fs::OpenOptions,
    io::{self, Write as _},
    path::Path,
};

use askama::Template;

use super::{
    Ending, Reporter,
    causes::{CauseGroup, GroupBy},
    console, filters, words,
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
        let mut causes = ending.failures(GroupBy::Code);
        causes.extend(ending.uncollected(GroupBy::Code));
        let about = ending.about;
        let file = in_workspace(&about.manifest_path);
        for failure in &causes {
            let job = failure.rows.first().map(|row| &*row.job).unwrap_or_default();
            let line = about.job_lines.get(job);
            let place = line.map(|line| (&*file, *line));
            console::annotate(&annotation("error", place, &sentence(failure)));
        }
        match env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
            None => Ok(()),
            Some(path) => {
                let mut summary = OpenOptions::new().append(true).create(true).open(path)?;
                let table = StepSummary { ending, causes: &causes }.render();
                summary.write_all(table.map_err(io::Error::other)?.as_bytes())
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

#[derive(Template)]
#[template(path = "step_summary.md")]
struct StepSummary<'a> {
    ending: &'a Ending<'a>,
    causes: &'a [CauseGroup<'a>],
}

/// A cell of a Markdown table, where nothing of a text marks anything.
pub(super) fn cell(text: &str) -> String {
    const MOST: usize = 300;
    let mut out = String::new();
    for (n, c) in one_line(text).chars().enumerate() {
        match c {
            _ if n == MOST => {
                out.push('…');
                break;
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if r"\`*_{}[]()#+-!|~@:$".contains(c) => out += &format!("&#{};", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}

pub(super) fn is_on() -> bool {
    env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

fn begins_command(line: &str) -> bool {
    line.trim_start().starts_with("::")
}

/// `text` without workflow commands.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    if command_in(text).is_none() {
        return Cow::Borrowed(text);
    }
    let lines = text.split_inclusive(['\n', '\r']).map(|line| {
        if begins_command(line) { line.replacen("::", ": :", 1) } else { line.to_owned() }
    });
    lines.collect::<String>().replace("##[", "# #[").into()
}

/// The line of the first workflow command, counted from 1.
pub(super) fn command_in(text: &str) -> Option<usize> {
    let has_one = |line: &str| line.contains("##[") || line.split('\r').any(begins_command);
    text.split('\n').position(has_one).map(|lines_before| lines_before + 1)
}

/// `level`: `error` or `warning`; `place`: a file, and a line of it.
pub(super) fn annotation(level: &str, place: Option<(&str, usize)>, text: &str) -> String {
    let place = place
        .map_or_else(String::new, |(file, line)| format!(" file={},line={line}", property(file)));
    format!("::{level}{place}::{}", data(text))
}

/// Escapes as actions/toolkit does (`command.ts`).
fn data(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D");
    text.replace('\n', "%0A").replace("##[", "# #[")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
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

    #[test]
    fn text_is_spelled_as_github_reads_it() {
        assert_eq!(
            annotation("error", Some(("a,b:c.yaml", 7)), "100%\n::warning::x"),
            "::error file=a%2Cb%3Ac.yaml,line=7::100%25%0A::warning::x"
        );
        assert_eq!(harmless("a ::x\n  ::error::y\n::z"), "a ::x\n  : :error::y\n: :z");
        assert_eq!(harmless("x ##[add-path]y"), "x # #[add-path]y");
    }

    proptest! {
        #[test]
        fn foreign_text_starts_no_command(text in "([:#\\[ \n\r\t|aä]|::error::|##\\[x\\])*") {
            let is_command = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
            prop_assert!(!harmless(&text).split(['\n', '\r']).any(is_command));
            let first = text.split(['\n', '\r']).position(is_command);
            prop_assert_eq!(command_in(&text).is_some(), first.is_some());
            prop_assert_eq!(command_in(&harmless(&text)), None);
            let made = annotation("error", Some((&text, 1)), &text);
            prop_assert!(!made.contains(['\n', '\r']) && !made.contains("##["));
        }
    }
}
