//! Syntax errors in plain words: the parser only names the rule (`did not find expected '-' indicator`).

use super::problem::{Mistake, Quoted};

/// Parts of the parser's message, the problem, and the help; if that is empty, it is made from the text before.
const MEANINGS: &[(&[&str], &str, &str)] = &[
    (&["tab"], "there is a tab where only spaces are allowed", "use spaces, not tabs"),
    (
        &["escape", "hexadecimal"],
        "a backslash in double quotes means something else",
        r#"write \\ for a backslash, or put the text in single quotes: 'C:\reports'"#,
    ),
    (
        &["trailing content"],
        "the text goes on behind its closing quotation mark",
        "put the whole text in one pair of quotes",
    ),
    (
        &["quoted scalar"],
        "a quotation mark is not closed",
        "close it on the same line; in single quotes, write '' for an apostrophe",
    ),
    (
        &["flow mapping", "flow sequence", "flow construct", "misplaced bracket"],
        "brackets are not closed, or a comma is missing within them",
        "write [a, b] for a list, { key: value, other: value } for a mapping, and a text with a comma, a colon or braces in quotes",
    ),
    (
        COLON,
        "a colon is not expected here",
        "put a text with a colon in quotes: label: \"Acme: Berlin\"; write each key on a line of its own",
    ),
    (
        &["block sequence entries"],
        "a list cannot begin here",
        "begin the list on the next line, each entry with a dash and a space",
    ),
    (
        &["'-' indicator", "expected key", "invalid indentation", "wrongly indented"],
        "the lines are not aligned",
        "",
    ),
    (
        &["unknown anchor"],
        "this alias has no anchor before it",
        "write `&name` where the value stands first; put a text that begins with * in quotes",
    ),
    (
        &[
            "anchor or alias",
            "parsing a tag",
            "scanning a tag",
            "scanning TAG",
            "verbatim tag",
            "tag character",
            "handle",
        ],
        "a text cannot begin with this sign",
        "put a text that begins with & * or ! in quotes",
    ),
    (&["directive"], "a line cannot begin with %", "put a text that begins with % in quotes"),
    (
        &["node content", "unexpected character", "cannot start with", "next token"],
        "a text cannot begin with this sign",
        "put the text in quotes",
    ),
    (
        &["unprintable", "byte order mark"],
        "there is a sign here that cannot be seen",
        "delete it; it often comes with a text that was copied from elsewhere",
    ),
    (&["unexpected eof", "end of plain"], "the text ends too early", "complete the last line"),
];

const COLON: &[&str] = &["mapping values are not allowed", "':'", "mapping keys are not allowed"];

pub(super) fn syntax(info: &str, before: &str) -> Mistake {
    let info = match COLON.iter().any(|part| info.contains(part)) {
        true if has_open_bracket(before) => "flow sequence",
        true if is_word(before.lines().last().unwrap_or_default()) => "expected key",
        _ => info,
    };
    let meaning = MEANINGS.iter().find(|(parts, ..)| parts.iter().any(|part| info.contains(part)));
    let (what, help) = match meaning {
        Some((_, what, "")) => (*what, indentation(before)),
        Some((_, what, help)) => (*what, (*help).to_owned()),
        None => (
            "it cannot be understood from here on",
            "look for a quotation mark, a bracket, a colon or a space that is missing on this line or the one before"
                .to_owned(),
        ),
    };
    Mistake::new(format!("this is not valid YAML: {what}")).help(help)
}

fn has_open_bracket(before: &str) -> bool {
    let before = before.rsplit_once('\n').map_or("", |(before, _)| before);
    let count = |brackets: [char; 2]| before.matches(brackets).count();
    count(['[', '{']) > count([']', '}'])
}

fn is_word(line: &str) -> bool {
    let word = line.trim_start_matches([' ', '-']);
    !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn indentation(before: &str) -> String {
    let earlier = before.lines().rev().skip(1);
    let key = earlier
        .map(|line| line.trim_start_matches([' ', '-']))
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .and_then(|line| line.split_once(':'))
        .filter(|(key, _)| is_word(key));
    match key {
        Some((key, _)) => format!("the indentation is probably wrong: align with {}", Quoted(key)),
        None => "the indentation is probably wrong".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{problem::Sink, source::Source, tree::Tree};

    /// The first mistake in a text: its message and its help.
    fn mistake(text: &str) -> (String, String) {
        let source = Source::from_bytes(Path::new("f"), text.as_bytes().to_vec()).unwrap();
        let sink = Sink::default();
        let _ = Tree::read(&source, &sink);
        let problems = sink.into_problems(&source);
        let Some(problem) = problems.as_ref().and_then(|all| all.shown.first()) else {
            return ("none".to_owned(), String::new());
        };
        (problem.mistake.message.clone(), problem.mistake.help.clone().unwrap_or_default())
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_whoever_wrote_it() {
        let (mut said, mut sound) = (String::new(), true);
        for (text, what, help) in [
            ("a: 1\n\tb: 2\n", "a tab", "use spaces"),
            ("a:\n  - x\n\t- y\n", "a tab", "use spaces"),
            ("a: \"x\nb: 2\n", "quotation mark", "close"),
            ("a: 'Bob's'\n", "goes on behind", "one pair"),
            ("a: \"C:\\months\"\n", "a backslash", r"\\"),
            ("a: \"x\" y\n", "behind its closing", "one pair"),
            ("a: [1, 2\nb: 3\n", "brackets", "[a, b]"),
            ("a: { b: [1\nc: 3\n", "brackets", "[a, b]"),
            ("a: { b: 1 c: 2 }\n", "brackets", "key: value"),
            ("a: 1]\nb: ]\n", "", ""),
            ("label: Acme: Berlin\n", "a colon", "in quotes"),
            ("a: { label: Acme: Inc }\n", "a comma", "in quotes"),
            ("a: - x\n", "a list", "next line"),
            ("a:\n  - x\n  y: 2\n", "not aligned", "indentation"),
            ("name: x\n  jobs: 1\n", "not aligned", "align with \"name\""),
            ("a: *nobody\n", "alias", "&name"),
            ("a: @x\n", "begin with this sign", "in quotes"),
            ("a: `x`\n", "begin with this sign", "in quotes"),
            ("a: %x\n", "", "in quotes"),
        ] {
            let (message, advice) = mistake(text);
            said += &format!("{text:?}\n  {message}\n  {advice}\n");
            sound &= message.contains(what) && advice.contains(help);
            let grammar = ["scalar", "indicator", "flow", "block", "token", "parsing"];
            sound &= !grammar.iter().any(|word| message.contains(word) || advice.contains(word));
        }
        assert!(sound, "{said}");
    }
}
