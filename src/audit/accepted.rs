//! Differences that a person has accepted: `NAME.accepted.csv` next to the ledger. Lines are only ever added, and the
//! last one for an id counts.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use csv::{ByteRecord, ReaderBuilder, WriterBuilder};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    files::{companion, read_regular, replace},
    ledger::{neutralise, restore},
    text::{count, moment, system_says},
};
use reconcile::DifferenceId;

/// In bytes.
const LONGEST: u64 = 256 * 1024 * 1024;

const HEADER: [&str; 5] = ["id", "reason", "by", "until", "accepted_at"];

/// Where the differences of a ledger are accepted; `ledger` is the ledger itself, not a link to it.
pub fn accepted_path(ledger: &Path) -> PathBuf {
    companion(ledger, "accepted.csv")
}

/// Whether a file with this first line is one of accepted differences.
pub fn is_accepted_header(line: &[u8]) -> bool {
    let line = line.strip_prefix(BOM).unwrap_or(line).trim_ascii();
    line == HEADER.join(",").as_bytes()
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Why a difference is accepted, who said so, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acceptance {
    /// Why.
    pub reason: String,
    /// Who accepted it.
    pub by: String,
    /// The last day on which it counts; null: it has no end.
    pub until: Option<NaiveDate>,
    /// When, UTC.
    pub accepted_at: DateTime<Utc>,
    /// Whether its last day has passed: then the difference counts again.
    #[serde(skip)]
    pub is_ended: bool,
}

/// Why a file of accepted differences is not read. Exit code 2: it was written by hand.
#[derive(Debug, thiserror::Error)]
pub enum AcceptedError {
    #[error("{}:{line}: {why}", path.display())]
    Line { path: PathBuf, line: u64, why: String },
    #[error("the accepted differences {} cannot be read ({})", path.display(), system_says(source))]
    Unreadable { path: PathBuf, source: io::Error },
}

/// The accepted differences of a ledger, as of a day.
#[derive(Debug, Clone, Default)]
pub struct Acceptances {
    /// The last one of each id, in the order in which the ids were first accepted.
    by_id: IndexMap<DifferenceId, Arc<Acceptance>>,
}

impl Acceptances {
    /// None where there is no such file. `ledger` is the ledger itself, not a link to it.
    pub fn read(ledger: &Path, as_of: NaiveDate) -> Result<Self, AcceptedError> {
        let mut by_id = IndexMap::new();
        for (id, mut acceptance) in lines(&accepted_path(ledger))? {
            acceptance.is_ended = acceptance.until.is_some_and(|last| last < as_of);
            by_id.insert(id, Arc::new(acceptance));
        }
        Ok(Acceptances { by_id })
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The last one for an id, whether it has ended or not.
    pub fn get(&self, id: DifferenceId) -> Option<&Arc<Acceptance>> {
        self.by_id.get(&id)
    }

    /// One that has not ended, of any of these ids; else one that has.
    pub fn of_any(&self, ids: &[DifferenceId]) -> Option<Arc<Acceptance>> {
        let known = ids.iter().filter_map(|id| self.get(*id));
        known.min_by_key(|it| it.is_ended).cloned()
    }

    /// The one for an id that has not ended.
    pub fn in_force(&self, id: DifferenceId) -> Option<&Arc<Acceptance>> {
        self.get(id).filter(|it| !it.is_ended)
    }

    /// Accepted ids that are none of `found`.
    pub fn unused(&self, found: &HashSet<DifferenceId>) -> Vec<DifferenceId> {
        self.by_id.keys().filter(|id| !found.contains(*id)).copied().collect()
    }
}

/// Adds a line for each id. The lines that are there stay as they are; if one is wrong, nothing is written.
pub fn append(
    ledger: &Path,
    ids: &[DifferenceId],
    acceptance: &Acceptance,
) -> Result<(), AcceptedError> {
    let path = accepted_path(ledger);
    lines(&path)?;
    let there = bytes_of(&path)?;
    let mut bytes = if has_text(&there) { there } else { header() };
    if bytes.last().is_some_and(|last| *last != b'\n') {
        bytes.push(b'\n');
    }
    ids.iter().for_each(|id| bytes.extend(line(*id, acceptance)));
    replace(&path, &bytes).map_err(|source| AcceptedError::Unreadable { path, source })
}

/// The lines of all files, each as often as the file has it that has it most; `None` where there is none. Lines of one file stay in their order; otherwise they
/// are in the order of their times.
pub fn merge_accepted(paths: &[PathBuf]) -> Result<Option<Vec<u8>>, AcceptedError> {
    let mut all = Vec::new();
    // How often the files so far have a line: who accepts, takes back and accepts again has lines that are alike.
    let mut taken: HashMap<Vec<u8>, usize> = HashMap::new();
    for path in paths {
        let mut latest = DateTime::<Utc>::MIN_UTC;
        let mut here: HashMap<Vec<u8>, usize> = HashMap::new();
        for (id, acceptance) in lines(path)? {
            // A clock that was set back changes no order.
            latest = latest.max(acceptance.accepted_at);
            let text = line(id, &acceptance);
            let nth = here.entry(text.clone()).or_default();
            *nth += 1;
            if *nth > taken.get(&text).copied().unwrap_or_default() {
                all.push((latest, text));
            }
        }
        for (text, times) in here {
            let most = taken.entry(text).or_default();
            *most = times.max(*most);
        }
    }
    all.sort_by_key(|(at, _)| *at);
    let lines: Vec<Vec<u8>> = all.into_iter().map(|(_, line)| line).collect();
    Ok((!lines.is_empty()).then(|| [header(), lines.concat()].concat()))
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, AcceptedError> {
    match read_regular(path, LONGEST) {
        Err(e) if e.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(Vec::new()),
        read => read.map_err(|source| AcceptedError::Unreadable { path: path.to_owned(), source }),
    }
}

fn has_text(bytes: &[u8]) -> bool {
    !bytes.strip_prefix(BOM).unwrap_or(bytes).trim_ascii().is_empty()
}

/// In the order of the file. Each line is read by itself, so that a stray quote takes no other line with it.
fn lines(path: &Path) -> Result<Vec<(DifferenceId, Acceptance)>, AcceptedError> {
    let bytes = bytes_of(path)?;
    let text = bytes.strip_prefix(BOM).unwrap_or(&bytes);
    let (mut found, mut has_header) = (Vec::new(), false);
    for (line, written) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let wrong = |why| AcceptedError::Line { path: path.to_owned(), line, why };
        let record = record_of(written.strip_suffix(b"\r").unwrap_or(written)).map_err(wrong)?;
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            continue;
        }
        let cells = cells_of(&record).map_err(wrong)?;
        if has_header {
            found.push(acceptance(&cells).map_err(wrong)?);
        } else if cells.map(str::trim) == HEADER {
            has_header = true;
        } else {
            let header = HEADER.join(",");
            return Err(wrong(format!("the first line must be the header, {header}")));
        }
    }
    Ok(found)
}

/// The cells of a line; none of an empty one.
fn record_of(line: &[u8]) -> Result<ByteRecord, String> {
    if line.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
        return Err(
            "it has a quote that is not closed; a quote in a cell is written twice, in quotes"
                .to_owned(),
        );
    }
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line);
    let mut records = reader.into_byte_records();
    let first = records.next().transpose().map_err(|e| e.to_string())?;
    if records.next().is_some() {
        return Err("it has a line break in it that no line ends with".to_owned());
    }
    Ok(first.unwrap_or_default())
}

fn cells_of(record: &ByteRecord) -> Result<[&str; 5], String> {
    let cells: Result<Vec<&str>, _> = record.iter().map(std::str::from_utf8).collect();
    let cells = cells.map_err(|_| "it is not UTF-8; save the file as UTF-8".to_owned())?;
    let number = cells.len();
    cells.try_into().map_err(|_| {
        let (header, found) = (HEADER.join(","), count(number, "cell"));
        format!("it has {found} between commas, and must have five: {header}")
    })
}

fn acceptance(cells: &[&str; 5]) -> Result<(DifferenceId, Acceptance), String> {
    let [_, reason, by, ..] = *cells;
    let [id, _, _, until, accepted_at] = cells.map(str::trim);
    let read = id.parse().map_err(|e| format!("{id:?} is no id of a difference: {e}"))?;
    let day = |text: &str| {
        text.parse::<NaiveDate>()
            .ok()
            .filter(|_| text.len() == 10 && text.starts_with(|c: char| c.is_ascii_digit()))
    };
    let last = (!until.is_empty()).then(|| {
        day(until)
            .ok_or_else(|| format!("until is {until:?}: write a day as YYYY-MM-DD, or nothing"))
    });
    let at = moment(accepted_at).ok_or_else(|| {
        format!("accepted_at is {accepted_at:?}: write a time as 2026-11-02T09:30:00Z")
    })?;
    for (name, text) in [("reason", reason), ("by", by)] {
        if text.trim().is_empty() {
            return Err(format!("{name} is empty"));
        }
    }
    let acceptance = Acceptance {
        reason: restore(reason).to_owned(),
        by: restore(by).to_owned(),
        until: last.transpose()?,
        accepted_at: at,
        is_ended: false,
    };
    Ok((read, acceptance))
}

fn header() -> Vec<u8> {
    (HEADER.join(",") + "\n").into_bytes()
}

fn line(id: DifferenceId, acceptance: &Acceptance) -> Vec<u8> {
    let Acceptance { reason, by, until, accepted_at, .. } = acceptance;
    let mut out = WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let cells = [
        id.to_string(),
        neutralise(reason).into_owned(),
        neutralise(by).into_owned(),
        until.map_or_else(String::new, |day| day.to_string()),
        accepted_at.to_rfc3339_opts(SecondsFormat::Millis, true),
    ];
    // Memory takes every line.
    let _ = out.write_record(cells);
    out.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::{prelude::*, sample::Index};

    use super::*;
    use crate::audit::{Audit, Difference, DifferenceKind, Remedy};
    use reconcile::IdParts;

    const TODAY: &str = "2026-11-02";

    fn read(text: impl AsRef<[u8]>) -> Result<Acceptances, AcceptedError> {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("m.ledger.csv");
        fs::write(accepted_path(&ledger), text).unwrap();
        Acceptances::read(&ledger, TODAY.parse().unwrap())
    }

    fn id(n: u64) -> DifferenceId {
        format!("d{n:016x}").parse().unwrap()
    }

    #[test]
    fn what_people_and_spreadsheets_write_is_read() {
        let header = "\u{feff}\r\nid,reason,by,until,accepted_at\r\n";
        let lines = "d00000000000000aa,\"a, b\",Jo,,2026-11-01T09:00:00Z\r\n\r\n,,,,\r\n\
            d00000000000000bb,'=1+1,Jo,2026-11-02,2026-11-01T09:00:00+01:00\n\
            d00000000000000cc,old,Jo,2026-11-01,2026-10-01T09:00:00Z\n\
            d00000000000000aa,later,Al,2026-12-31,2026-11-02T09:00:00Z";
        let accepted = read(format!("{header}{lines}")).unwrap();
        let reason = |n| accepted.in_force(id(n)).map(|it| it.reason.as_str());
        assert_eq!(reason(0xaa), Some("later"));
        assert_eq!(reason(0xbb), Some("=1+1"), "the last day counts");
        assert_eq!(reason(0xcc), None);
        assert!(accepted.get(id(0xcc)).is_some_and(|it| it.is_ended));
        assert_eq!(accepted.unused(&HashSet::from([id(0xbb)])), [id(0xaa), id(0xcc)]);
        assert!(read("").unwrap().is_empty() && read("\u{feff}\n\n").unwrap().is_empty());
    }

    #[test]
    fn a_wrong_line_is_named() {
        let header = "id,reason,by,until,accepted_at\n";
        let good = "d00000000000000aa,why,Jo,,2026-11-01T09:00:00Z\n";
        for (line, why) in [
            ("d00000000000000aa,why,Jo,2026-11-01T09:00:00Z", "it has 4 cells"),
            ("d00000000000000aa,a, b,Jo,,2026-11-01T09:00:00Z", "it has 6 cells"),
            ("d00000000000000aa;why;Jo;;2026-11-01T09:00:00Z", "it has 1 cell "),
            ("D00000000000000AA,why,Jo,,2026-11-01T09:00:00Z", "no id of a difference"),
            ("d00000000000000aa, ,Jo,,2026-11-01T09:00:00Z", "reason is empty"),
            ("d00000000000000aa,why,,,2026-11-01T09:00:00Z", "by is empty"),
            ("d00000000000000aa,why,Jo,31.12.2026,2026-11-01T09:00:00Z", "until is"),
            ("d00000000000000aa,why,Jo,2026-2-1,2026-11-01T09:00:00Z", "until is"),
            ("d00000000000000aa,why,Jo,,", "accepted_at is"),
            (
                "d00000000000000aa,\"why,Jo,,2026-11-01T09:00:00Z",
                "it has a quote that is not closed",
            ),
        ] {
            let error = read(format!("{header}{good}\n{line}\n{good}")).unwrap_err().to_string();
            assert!(error.contains(".csv:4: ") && error.contains(why), "{error}");
        }
        for text in [good, "d00000000000000aa", "id,reason\n"] {
            assert!(read(text).unwrap_err().to_string().contains(".csv:1:"), "{text}");
        }
        assert!(read(b"id,reason,by,until,accepted_at\nd00000000000000aa,\xff,J,,x\n").is_err());
    }

    fn acceptance() -> impl Strategy<Value = Acceptance> {
        let text = "['=+@x, \"\u{e4}-]{0,8}[a-z=]";
        let until = prop::option::of(0_u64..3).prop_map(|days| {
            days.map(|it| TODAY.parse::<NaiveDate>().unwrap() + chrono::Days::new(it))
        });
        (text, text, until, 0_i64..4).prop_map(|(reason, by, until, at)| Acceptance {
            reason,
            by,
            until,
            accepted_at: DateTime::from_timestamp_millis(at * 1_001).unwrap(),
            is_ended: false,
        })
    }

    proptest! {
        /// What is added is read back, the last line of an id counts, and no other id is accepted. What was there stays.
        #[test]
        fn the_last_line_counts_and_for_its_id_alone(all in prop::collection::vec((0_u64..4, acceptance()), 0..8), was in prop::bool::ANY) {
            let folder = tempfile::tempdir().unwrap();
            let ledger = folder.path().join("m.ledger.csv");
            let path = accepted_path(&ledger);
            if was {
                fs::write(&path, "\u{feff}id,reason,by,until,accepted_at\r\nd00000000000000ff,x,y,,2026-11-01T09:00:00Z").unwrap();
            }
            let mut expected = IndexMap::new();
            for (n, acceptance) in &all {
                let before = fs::read(&path).unwrap_or_default();
                append(&ledger, &[id(*n)], acceptance).unwrap();
                prop_assert!(fs::read(&path).unwrap().starts_with(&before));
                expected.insert(id(*n), acceptance.clone());
            }
            let read = Acceptances::read(&ledger, TODAY.parse().unwrap()).unwrap();
            for n in 0..6 {
                let found = read.in_force(id(n)).map(|it| Acceptance::clone(it));
                prop_assert_eq!(found.as_ref(), expected.get(&id(n)));
            }
            prop_assert_eq!(read.in_force(id(0xff)).is_some(), was);
            let text = fs::read(&path).unwrap_or_default();
            for record in ReaderBuilder::new().from_reader(&text[..]).records() {
                let is_formula = |cell: &str| cell.starts_with(['=', '+', '-', '@']);
                prop_assert!(!record.unwrap().iter().any(is_formula));
            }
        }

        /// Of any differences, only those whose own ids are accepted do not count.
        #[test]
        fn an_acceptance_hides_no_other_difference(subjects in prop::collection::hash_set("[ab]{0,3}", 1..8), accepted in prop::collection::vec(any::<Index>(), 0..4)) {
            let subjects: Vec<String> = subjects.into_iter().collect();
            let kinds = [DifferenceKind::NotCreated, DifferenceKind::Gone];
            let differences = subjects.iter().flat_map(|subject| kinds.map(|kind| Difference {
                id: IdParts::new(kind.word()).text(subject).finish(),
                kind,
                request_id: None,
                report_id: None,
                file: None,
                subject: subject.clone(),
                what: String::new(),
                remedy: Remedy::Run,
                acceptance: None,
            }));
            let mut audit = Audit { differences: differences.collect(), ..Audit::default() };
            let ids: Vec<DifferenceId> = audit.differences.iter().map(|it| it.id).collect();
            let accepted: Vec<DifferenceId> = accepted.iter().map(|it| *it.get(&ids)).collect();
            let folder = tempfile::tempdir().unwrap();
            let ledger = folder.path().join("m.ledger.csv");
            let acceptance = Acceptance {
                reason: "why".to_owned(),
                by: "Jo".to_owned(),
                until: None,
                accepted_at: DateTime::UNIX_EPOCH,
                is_ended: false,
            };
            append(&ledger, &accepted, &acceptance).unwrap();
            audit.accept(&Acceptances::read(&ledger, TODAY.parse().unwrap()).unwrap());
            let counting: Vec<DifferenceId> = audit.counting().map(|it| it.id).collect();
            let others: Vec<DifferenceId> =
                ids.iter().filter(|id| !accepted.contains(id)).copied().collect();
            prop_assert_eq!(counting, others);
        }

        /// Merged, each file's last line still counts unless another file has a later one; merging again changes nothing.
        #[test]
        fn merging_keeps_what_counts(one in prop::collection::vec((0_u64..3, acceptance()), 0..5), other in prop::collection::vec((0_u64..3, acceptance()), 0..5)) {
            let folder = tempfile::tempdir().unwrap();
            let ledgers = ["a.csv", "b.csv", "c.csv"].map(|name| folder.path().join(name));
            for (ledger, lines) in ledgers.iter().zip([&one, &other]) {
                for (n, acceptance) in lines {
                    append(ledger, &[id(*n)], acceptance).unwrap();
                }
            }
            let paths: Vec<PathBuf> = ledgers.iter().map(|it| accepted_path(it)).collect();
            let Some(merged) = merge_accepted(&paths).unwrap() else {
                prop_assert!(one.is_empty() && other.is_empty());
                return Ok(());
            };
            fs::write(&paths[2], &merged).unwrap();
            prop_assert_eq!(merge_accepted(&paths).unwrap(), Some(merged.clone()));
            let of = |ledger| Acceptances::read(ledger, TODAY.parse().unwrap()).unwrap();
            let [a, b, all] = [of(&ledgers[0]), of(&ledgers[1]), of(&ledgers[2])];
            for n in 0..3 {
                let known: Vec<_> = [a.get(id(n)), b.get(id(n))].into_iter().flatten().collect();
                prop_assert_eq!(all.get(id(n)).is_some(), !known.is_empty());
                if let (Some(found), [only]) = (all.get(id(n)), &known[..]) {
                    prop_assert_eq!(found, *only);
                }
            }
        }
    }
}
