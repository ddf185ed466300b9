use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Characters that a link may contain as they are (RFC 3986, 2.3). A colon would make a scheme of the text before it,
/// and browsers take a backslash for a slash.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Both folders are absolute. `None` if the file's name is absolute or leads nowhere, or on another drive.
pub(super) fn link(from: &Path, ledger: &Path, file: &str) -> Option<String> {
    let mut to = PathBuf::from(ledger);
    let mut goes_down = false;
    for part in file.split('/').filter(|part| !matches!(*part, "" | ".")) {
        goes_down = part != "..";
        match part {
            ".." if !to.pop() => return None,
            ".." => {}
            part => to.push(Path::new(part).file_name().filter(|name| *name == part)?),
        }
    }
    if !goes_down || file.starts_with('/') {
        return None;
    }
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[common..].iter().map(|_| Some("..".to_owned()));
    let down = to[common..].iter().map(|part| match part {
        Component::Normal(name) => Some(percent_encode(name.as_encoded_bytes(), PLAIN).to_string()),
        _ => None,
    });
    let parts: Option<Vec<String>> = up.chain(down).collect();
    Some(parts?.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn to(from: &str, file: &str) -> Option<String> {
        link(Path::new(from), Path::new("/home/ann/m"), file)
    }

    #[test]
    fn links_are_relative_and_lead_to_files_only() {
        for (from, file, expected) in [
            (
                "/home/ann/m",
                "m.reports/2026-10/USER/Acme GmbH.csv",
                "m.reports/2026-10/USER/Acme%20GmbH.csv",
            ),
            ("/home/ann/pages", "r/a.csv", "../m/r/a.csv"),
            ("/home/ann", "r/a.csv", "m/r/a.csv"),
            ("/srv", "../r/a.csv", "../home/ann/r/a.csv"),
            ("/home/ann/m", "javascript:alert(1)", "javascript%3Aalert%281%29"),
            ("/home/ann/m", "a?b#c%20\"<'&.csv", "a%3Fb%23c%2520%22%3C%27%26.csv"),
            ("/home/ann/m", "Zürich/\u{202e}x", "Z%C3%BCrich/%E2%80%AEx"),
            ("/home/ann/m", "./a//b", "a/b"),
            ("/home/ann/m", "\\\\evil\\x", "%5C%5Cevil%5Cx"),
        ] {
            assert_eq!(to(from, file).as_deref(), Some(expected), "{from} to {file}");
        }
        for file in ["", "/etc/passwd", "//evil.example/x", "..", "a/..", "../../../../x"] {
            assert_eq!(to("/home/ann/m", file), None, "{file}");
        }
    }

    proptest! {
        /// Whatever the ledger says, a browser stays below `file:` and asks no other host.
        #[test]
        fn no_link_leaves_the_disk(file in any::<String>()) {
            if let Some(link) = to("/home/ann/pages", &file) {
                let base = url::Url::parse("file:///home/ann/pages/page.html").unwrap();
                let url = base.join(&link).unwrap();
                prop_assert_eq!(url.scheme(), "file");
                prop_assert!(url.host().is_none() && url.query().is_none() && url.fragment().is_none());
            }
        }
    }
}
