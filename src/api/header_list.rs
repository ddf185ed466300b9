//! The common grammar of structured headers: lists whose members and parameters may be quoted.

/// The parts of `text` between `separator`s, trimmed. Separators inside `"..."` (where a backslash
/// escapes) and inside `<...>` do not count; an unclosed quote or bracket reaches to the end.
pub(super) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (part, after) = match position(text, separator) {
            Some(at) => (&text[..at], Some(&text[at + separator.len_utf8()..])),
            None => (text, None),
        };
        rest = after;
        Some(part.trim())
    })
}

fn position(text: &str, separator: char) -> Option<usize> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if !bracketed => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            _ if c == separator && !quoted && !bracketed => return Some(at),
            _ => {}
        }
    }
    None
}

/// A parameter's name and value, blanks around `=` tolerated, quotes taken off. A flag has an empty value.
pub(super) fn parameter(text: &str) -> (&str, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.trim(), unquoted(value.trim()))
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_brackets_hide_separators() {
        let parts: Vec<&str> = split(r#"<a,b>; t="x,\",y" , c ,, "d,"#, ',').collect();
        assert_eq!(parts, [r#"<a,b>; t="x,\",y""#, "c", "", r#""d,"#]);
        assert_eq!(split("", ',').collect::<Vec<_>>(), [""]);
        assert_eq!(
            parameter(r#" rel = "a \" b" "#),
            ("rel", r#"a " b"#.to_owned())
        );
        assert_eq!(parameter("flag"), ("flag", String::new()));
    }
}
