//! Workflow commands of GitHub Actions, and foreign text that starts none.
//!
//! A runner takes every line of a step's output that begins with `::`, blanks before it or not, for a command, and
//! `##[` anywhere in a line for one of an older form.

use std::{borrow::Cow, env, io};

use memchr::memrchr2;

/// Whether this is a step of a workflow.
pub(super) fn is_on() -> bool {
    env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// `text` so that none of its lines is a command.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let is_command = |line: &str| line.trim_start().starts_with("::");
    if !text.contains("##[") && !text.split(['\n', '\r']).any(is_command) {
        return Cow::Borrowed(text);
    }
    let lines = text
        .split_inclusive(['\n', '\r'])
        .map(|line| match is_command(line) {
            true => line.replacen("::", ": :", 1),
            false => line.to_owned(),
        });
    lines.collect::<String>().replace("##[", "# #[").into()
}

/// Writes text so that none of its lines is a command, line by line.
pub(super) struct Harmless<W> {
    out: W,
    /// The line that has not ended yet.
    line: Vec<u8>,
}

impl<W: io::Write> Harmless<W> {
    /// Writes to `out`.
    pub(super) fn new(out: W) -> Self {
        Harmless {
            out,
            line: Vec::new(),
        }
    }

    /// Writes the last line, where it has no end.
    ///
    /// # Errors
    /// What `out` says.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.write_lines()
    }

    fn write_lines(&mut self) -> io::Result<()> {
        let text = String::from_utf8_lossy(&self.line);
        self.out.write_all(harmless(&text).as_bytes())?;
        self.line.clear();
        Ok(())
    }
}

impl<W: io::Write> io::Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let whole = memrchr2(b'\n', b'\r', bytes).map_or(0, |at| at + 1);
        let (lines, begun) = bytes.split_at(whole);
        if !lines.is_empty() {
            self.line.extend_from_slice(lines);
            self.write_lines()?;
        }
        self.line.extend_from_slice(begun);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Lines of JSON so that none holds a command of the older form; they mean the same.
pub(super) fn harmless_json(lines: &[u8]) -> Cow<'_, [u8]> {
    match str::from_utf8(lines) {
        Ok(text) if text.contains("##[") => text.replace("##[", r"#\u0023[").into_bytes().into(),
        _ => lines.into(),
    }
}

/// One line that makes an annotation: `level` is `error` or `warning`; `place`: a file, and a line of it.
pub(super) fn annotation(level: &str, place: Option<(&str, usize)>, text: &str) -> String {
    let place = place.map_or_else(String::new, |(file, line)| {
        format!(" file={},line={line}", property(file))
    });
    format!("::{level}{place}::{}", data(text))
}

/// How a command's text is spelled (actions/toolkit, `command.ts`).
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
    fn text_is_spelled_as_github_reads_it() {
        assert_eq!(
            annotation("error", Some(("a,b:c.yaml", 7)), "100%\n::warning::x"),
            "::error file=a%2Cb%3Ac.yaml,line=7::100%25%0A::warning::x"
        );
        assert_eq!(
            harmless("a ::x\n  ::error::y\n::z"),
            "a ::x\n  : :error::y\n: :z"
        );
        assert_eq!(harmless("x ##[add-path]y"), "x # #[add-path]y");
    }

    proptest! {
        #[test]
        fn foreign_text_starts_no_command(text in "([:#\\[ \n\r\t|aä]|::error::|##\\[x\\])*", piece in 1usize..9) {
            let is_command = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
            prop_assert!(!harmless(&text).split(['\n', '\r']).any(is_command));
            let mut written = Vec::new();
            let mut lines = Harmless::new(&mut written);
            for piece in text.as_bytes().chunks(piece) {
                io::Write::write_all(&mut lines, piece).unwrap();
            }
            lines.end().unwrap();
            prop_assert_eq!(String::from_utf8(written).unwrap(), harmless(&text));
            let made = annotation("error", Some((&text, 1)), &text);
            prop_assert!(!made.contains(['\n', '\r']) && !made.contains("##["));
        }
    }
}
