//! What a collected file is called.

use std::{
    collections::HashMap,
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

use unicode_normalization::UnicodeNormalization as _;

use crate::{ledger::Row, text::is_invisible};
use request::{OWN, Period, ReportType, RequestId};

/// Bytes of a label in a name: with all that is added to it, it stays below the 143 bytes of the narrowest file systems
/// in use (encrypted home folders).
const LONGEST: usize = 100;

#[derive(Debug)]
pub struct Names {
    output: PathBuf,
    ledger_folder: PathBuf,
    /// By [`folded`] path.
    owners: HashMap<String, RequestId>,
}

/// Whether a collected file may get `path`: `PERIOD/TYPE/` and a name under the folder `output`.
pub fn is_collected_place(output: &Path, path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(output) else {
        return false;
    };
    let names: Option<Vec<&str>> = inside.iter().map(OsStr::to_str).collect();
    let Some([period, report_type, _]) = names.as_deref() else {
        return false;
    };
    period.parse::<Period>().is_ok() && report_type.parse::<ReportType>().is_ok()
}

impl Names {
    /// Both folders are absolute. Of files that clash, the first gets the name.
    pub fn new<'r>(
        output: PathBuf,
        ledger_folder: PathBuf,
        rows: impl Iterator<Item = &'r Row> + Clone,
    ) -> Self {
        let mut names = Names { output, ledger_folder, owners: HashMap::new() };
        for row in rows.clone() {
            if let Some(path) = names.recorded(row) {
                names.owners.entry(key(&path)).or_insert(row.id());
            }
        }
        let is_own = |row: &&Row| row.request().sub_partner.is_none();
        for row in (rows.clone().filter(is_own)).chain(rows.filter(|row| !is_own(row))) {
            let path = names.place(row);
            names.owners.entry(key(&path)).or_insert(row.id());
        }
        names
    }

    pub fn recorded(&self, row: &Row) -> Option<PathBuf> {
        let file = &row.collected.file;
        (!file.is_empty()).then(|| located(&self.ledger_folder, file))
    }

    /// The place that the row has, as long as that is under the output folder, else a new one that no other row has.
    pub fn place(&self, row: &Row) -> PathBuf {
        if let Some(path) = self.recorded(row)
            && path.starts_with(&self.output)
        {
            return path;
        }
        let request = row.request();
        let folder =
            self.output.join(request.period.to_string()).join(request.report_type.as_str());
        let mut stem = stem(row);
        loop {
            let path = folder.join(format!("{stem}.csv"));
            let owner = self.owners.get(&key(&path));
            if owner.is_none_or(|owner| *owner == row.id()) {
                return path;
            }
            stem = format!("{stem}-{}", row.id());
        }
    }

    pub fn spelled(&self, path: &Path) -> String {
        spelled(path, &self.ledger_folder)
    }
}

/// Where the file lies that a ledger in `ledger_folder` spells like this.
pub fn located(ledger_folder: &Path, file: &str) -> PathBuf {
    plain(&ledger_folder.join(file))
}

/// How a ledger in `folder` spells `path`, both absolute: relative to the folder, with `/`.
pub fn spelled(path: &Path, folder: &Path) -> String {
    let shared = path.components().zip(folder.components());
    let shared = shared.take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return path.display().to_string(); // another drive
    }
    let up = folder.components().count() - shared;
    let up = std::iter::repeat_n("..".into(), up);
    let down = path.components().skip(shared);
    let down = down.map(|part| part.as_os_str().to_string_lossy());
    let parts: Vec<_> = up.chain(down).collect();
    parts.join("/")
}

fn key(path: &Path) -> String {
    folded(&path.to_string_lossy())
}

fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// Ignores case and Unicode form. Upper case first: `ß` and `SS` are one there.
fn folded(name: &str) -> String {
    let decomposed: String = name.nfkd().collect();
    decomposed.to_uppercase().to_lowercase().nfkd().collect()
}

/// PARTNER: `own`, the label, or the organisation's id, made safe.
fn stem(row: &Row) -> String {
    let request = row.request();
    let whose = match (&request.sub_partner, &row.label) {
        (None, _) => OWN,
        (Some(_), Some(label)) if !label.trim().is_empty() => label,
        (Some(org), _) => org.as_str(),
    };
    let internal = if request.internal { "-internal" } else { "" };
    safe(&format!("{}{internal}", cut(whose.trim())))
}

/// At most [`LONGEST`] bytes, and no half character.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A name that every file system allows, and that has no special meaning. Windows forbids the most.
fn safe(text: &str) -> String {
    let composed = text.nfc().map(|c| {
        let forbidden = c.is_control() || is_invisible(c) || r#"<>:"/\|?*"#.contains(c);
        if forbidden { '_' } else { c }
    });
    let mut name: String = composed.collect();
    // Windows drops dots and blanks at the end, and a dot at the beginning hides a file.
    let end = name.trim_end_matches(['.', ' ']).len();
    name.replace_range(end.., &"_".repeat(name.len() - end));
    if name.starts_with(['.', ' ', '~', '-']) {
        name.replace_range(..1, "_");
    }
    if name.is_empty() {
        name.push('_');
    }
    // Windows looks no further than to the first dot, and past blanks before it.
    let first = name.split('.').next().unwrap_or_default().trim_end();
    if is_device(first) {
        name.insert(first.len(), '_');
    }
    name
}

fn is_device(name: &str) -> bool {
    let upper = name.to_uppercase();
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"].contains(&upper.as_str()) {
        return true;
    }
    let number = upper.strip_prefix("COM").or(upper.strip_prefix("LPT"));
    let mut number = number.into_iter().flat_map(str::chars);
    let digit = |c: char| c.is_ascii_digit() || "¹²³".contains(c);
    number.next().is_some_and(digit) && number.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use request::{Period, ReportType, Request};

    fn row(org: &str, label: &str, internal: bool) -> Row {
        let request = Request {
            sub_partner: (!org.is_empty()).then(|| org.parse().unwrap()),
            report_type: ReportType::User,
            period: Period::month(2026, 10).unwrap(),
            internal,
        };
        Row::planned(request, "job".into(), Some(label).filter(|l| !l.is_empty()).map(Into::into))
    }

    fn names(rows: &[Row]) -> Names {
        Names::new("/d/l.reports".into(), "/d".into(), rows.iter())
    }

    fn file(names: &Names, row: &Row) -> String {
        let path = names.place(row);
        let spelled = names.spelled(&path);
        let name = spelled.strip_prefix("l.reports/2026-10/USER/");
        name.unwrap_or_else(|| panic!("{spelled}")).to_owned()
    }

    #[test]
    fn labels_of_every_kind_are_safe_names() {
        for (label, name) in [
            ("Acme GmbH", "Acme GmbH.csv"),
            ("../../x", "_._.._x.csv"),
            ("..", "__.csv"),
            ("CON", "CON_.csv"),
            ("aux.txt", "aux_.txt.csv"),
            ("nul.tar.gz", "nul_.tar.gz.csv"),
            ("Con .x", "Con_ .x.csv"),
            ("lpt9.", "lpt9_.csv"),
            ("auxiliary.txt", "auxiliary.txt.csv"),
            ("COM¹", "COM¹_.csv"),
            ("COM10", "COM10.csv"),
            ("a/b\\c:d", "a_b_c_d.csv"),
            ("end. ", "end_.csv"),
            ("🎉 Söhne", "🎉 Söhne.csv"),
            ("So\u{308}hne\u{202e}", "Söhne_.csv"),
            (".hidden", "_hidden.csv"),
            ("-rf", "_rf.csv"),
        ] {
            assert_eq!(file(&names(&[]), &row("org", label, false)), name, "{label:?}");
        }
        let long = "x".repeat(300);
        assert_eq!(file(&names(&[]), &row("org", &long, false)).len(), LONGEST + 4);
        assert_eq!(file(&names(&[]), &row("", "", true)), "own-internal.csv");
        assert_eq!(file(&names(&[]), &row("org", "", false)), "org.csv");
    }

    #[test]
    fn no_two_rows_share_a_file_and_a_file_keeps_its_name() {
        let labels = ["Straße", "STRASSE", "So\u{308}hne", "Söhne", "own", "Own"];
        let mut rows: Vec<Row> = (labels.iter().enumerate())
            .map(|(n, label)| row(&format!("org{n}"), label, false))
            .collect();
        rows.push(row("", "", false));
        // A label that is what another one becomes.
        rows.push(row("org8", &format!("own-{}", rows[4].id()), false));
        let named = names(&rows);
        // Whichever is fetched first: the order of the rows counts.
        let found: Vec<String> = rows.iter().rev().map(|row| file(&named, row)).collect();
        let found: Vec<String> = found.into_iter().rev().collect();
        let ids: Vec<_> = rows.iter().map(Row::id).collect();
        let second = |n: usize, stem: &str| format!("{stem}-{}.csv", ids[n]);
        assert_eq!(
            found,
            [
                "Straße.csv".to_owned(),
                second(1, "STRASSE"),
                "Söhne.csv".to_owned(),
                second(3, "Söhne"),
                second(4, "own"),
                second(5, "Own"),
                "own.csv".to_owned(),
                second(7, &format!("own-{}", rows[4].id())),
            ]
        );

        // The second keeps the name that it has, whoever comes first now.
        rows[1].collected_mut().file = "l.reports/2026-10/USER/strasse.csv".to_owned();
        let named = names(&rows);
        assert_eq!(file(&named, &rows[0]), second(0, "Straße"));
        assert_eq!(file(&named, &rows[1]), "strasse.csv");
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_not_written_to() {
        let names = names(&[]);
        for elsewhere in ["../x.csv", "/etc/x.csv", "l.reports/../../x.csv", "other/x.csv"] {
            let mut row = row("org", "Acme", false);
            row.collected_mut().file = elsewhere.to_owned();
            assert!(names.place(&row).starts_with("/d/l.reports"), "{elsewhere}");
        }
        assert_eq!(names.spelled(Path::new("/e/f.csv")), "../e/f.csv");
    }

    proptest! {
        #[test]
        fn a_name_is_one_safe_part_of_a_path(label in any::<String>(), internal in any::<bool>()) {
            let row = row("org", &label, internal);
            let name = file(&names(&[]), &row);
            prop_assert!(name.len() < 143 - "-r0123456789abcdef.rejected".len());
            prop_assert_eq!(Path::new(&name).components().count(), 1);
            let first = name.split('.').next().unwrap_or_default().trim_end();
            prop_assert!(!is_device(first), "{name}");
            prop_assert!(!name.starts_with('.') && !name.contains(['/', '\\', ':', '\0', '\n']));
        }
    }
}
