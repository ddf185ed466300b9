//! Workflow commands of GitHub Actions. A runner takes each output line that begins with `::`, after blanks or not, for
//! a command, and `##[` anywhere in a line for one of an older form.

use std::{borrow::Cow, env};

pub(super) fn is_on() -> bool {
    env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// `text` without workflow commands.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let is_command = |line: &str| line.trim_start().starts_with("::");
    if !text.contains("##[") && !text.split(['\n', '\r']).any(is_command) {
        return Cow::Borrowed(text);
    }
    let lines = text
        .split_inclusive(['\n', '\r'])
        .map(|line| if is_command(line) { line.replacen("::", ": :", 1) } else { line.to_owned() });
    lines.collect::<String>().replace("##[", "# #[").into()
}

/// Counted from 1.
pub(super) fn command_in(bytes: &[u8]) -> Option<usize> {
    let is_command = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        line.contains("##[") || line.trim_start().starts_with("::")
    };
    let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    let found = lines.clone().position(is_command)?;
    let feeds = lines.take(found + 1).map(<[u8]>::len).sum::<usize>() + found;
    let before = &bytes[..feeds.min(bytes.len())];
    Some(before.iter().filter(|byte| **byte == b'\n').count() + 1)
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
            prop_assert_eq!(command_in(text.as_bytes()).is_some(), first.is_some());
            prop_assert_eq!(command_in(harmless(&text).as_bytes()), None);
            let made = annotation("error", Some((&text, 1)), &text);
            prop_assert!(!made.contains(['\n', '\r']) && !made.contains("##["));
        }
    }
}
