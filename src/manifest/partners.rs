//! Partners files: CSV with a header, `org_id` and optionally `label`.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    labels::LabelBook,
    model::SubPartner,
    names::{checked_id, checked_label},
};
use crate::yaml::{At, Mistake, Place, Quoted, Sink, Source, did_you_mean, nearest};

/// More is not an id and a label.
const MAX_LINE_BYTES: usize = 16 * 1024;

const COLUMNS: &[&str] = &["org_id", "label"];

/// The partners files that a manifest names, each read once.
#[derive(Default)]
pub(super) struct PartnersFiles(HashMap<PathBuf, Content>);

/// `Ok(None)`: the file's problems are reported, at the places in it. `Err`: it cannot be read, which is to be
/// reported at each place that names it.
type Content = Result<Option<Arc<[SubPartner]>>, Mistake>;

impl PartnersFiles {
    /// The sub-partners of the file that `file` names: in the order written, each line once.
    pub(super) fn read(
        &mut self,
        file: &At<PathBuf>,
        labels: &mut LabelBook,
        sink: &Sink,
    ) -> Option<Arc<[SubPartner]>> {
        let path = &file.value;
        let content = self.0.entry(path.clone()).or_insert_with(|| {
            let source = Source::read(path).map_err(|why| {
                let path = path.display().to_string();
                let message = format!("cannot read the partners file {}: {why}", Quoted(&path));
                Mistake::new(message).help("paths are relative to the manifest's folder")
            })?;
            Ok(partners(&source, sink, labels).map(Arc::from))
        });
        match content {
            Ok(partners) => partners.clone(),
            Err(mistake) => file.report(sink, mistake.clone()),
        }
    }

    /// The files that were named.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }
}

/// Reads all lines; `None` where a problem is reported.
fn partners(source: &Arc<Source>, sink: &Sink, labels: &mut LabelBook) -> Option<Vec<SubPartner>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(source.text().as_bytes());
    let mut record = csv::StringRecord::new();
    let mut header: Option<Header> = None;
    let mut lines = Lines {
        sink,
        labels,
        seen: HashSet::new(),
        partners: Vec::new(),
        sound: true,
    };
    // Text in memory that is UTF-8, with lines of any length, is never an error for the reader.
    while reader.read_record(&mut record).unwrap_or(false) {
        if record.len() == 1 && record.get(0).is_none_or(str::is_empty) {
            continue;
        }
        let line = Line::new(source, &record);
        match &header {
            None => header = Some(Header::read(&line, sink)?),
            Some(header) => {
                lines.take(header, &line);
            }
        }
    }
    if lines.sound && lines.partners.is_empty() {
        let end = source.text().trim_end().len();
        let last_line = source.text()[..end].rfind('\n').map_or(0, |at| at + 1);
        let mistake = Mistake::new("this partners file lists nobody")
            .help("below the header `org_id,label`, write one sub-partner per line");
        return sink.report(source.place(last_line..end), mistake);
    }
    lines.sound.then_some(lines.partners)
}

/// A record and where it was written.
struct Line<'a> {
    source: &'a Arc<Source>,
    record: &'a csv::StringRecord,
    start: usize,
}

impl<'a> Line<'a> {
    fn new(source: &'a Arc<Source>, record: &'a csv::StringRecord) -> Self {
        let text = source.text();
        let position = record.position().map_or(0, csv::Position::byte);
        let start = usize::try_from(position).map_or(text.len(), |at| at.min(text.len()));
        // The reader's position is before the line ends and empty lines that it skips.
        let skipped = text[start..].len() - text[start..].trim_start_matches(['\r', '\n']).len();
        Line {
            source,
            record,
            start: start + skipped,
        }
    }

    fn raw(&self) -> &'a str {
        &self.source.text()[self.start..]
    }

    fn place(&self) -> Place {
        let end = self.raw().find(['\r', '\n']).unwrap_or(self.raw().len());
        self.source.place(self.start..self.start + end)
    }

    fn cell(&self, index: usize) -> &'a str {
        self.record.get(index).unwrap_or_default()
    }

    fn cell_place(&self, index: usize) -> Place {
        let span = cell_span(self.raw(), index);
        self.source
            .place(self.start + span.start..self.start + span.end)
    }
}

/// Where the cell with number `index` lies in a line, without blanks around it.
fn cell_span(line: &str, index: usize) -> Range<usize> {
    let mut start = 0;
    let mut cell = 0;
    let mut quoted = false;
    let mut end = line.len();
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' if quoted || at == start => quoted = !quoted,
            b'"' if line.as_bytes().get(at.wrapping_sub(1)) == Some(&b'"') => quoted = true,
            b',' if !quoted => {
                if cell == index {
                    end = at;
                    break;
                }
                cell += 1;
                start = at + 1;
            }
            b'\r' | b'\n' if !quoted => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let text = &line[start..end];
    let blanks = text.len() - text.trim_start().len();
    start + blanks..start + text.trim_end().len().max(blanks)
}

/// Which column is what.
struct Header {
    columns: usize,
    org_id: usize,
    label: Option<usize>,
}

impl Header {
    fn read(line: &Line<'_>, sink: &Sink) -> Option<Header> {
        for (separator, found) in [(';', "semicolons"), ('\t', "tabs")] {
            let first = line.place();
            if line.record.len() == 1 && first.text().contains(separator) {
                return sink.report(first, wrong_separator(found));
            }
        }
        let position = |name| line.record.iter().position(|cell| cell == name);
        let (org_id, label) = (position("org_id"), position("label"));
        let near = |cell| nearest(cell, COLUMNS.iter().copied());
        if org_id.is_none() && !line.record.iter().any(|cell| near(cell) == Some("org_id")) {
            let mistake = Mistake::new("the first line is not a header with `org_id`")
                .help("add the header `org_id` or `org_id,label` as the first line");
            return sink.report(line.place(), mistake);
        }
        let mut sound = true;
        for (index, cell) in line.record.iter().enumerate() {
            let mistake = if !COLUMNS.contains(&cell) {
                Mistake::new(format!(
                    "{} is not a valid column of a partners file",
                    Quoted(cell)
                ))
                .help(did_you_mean(cell, "write one of", COLUMNS))
            } else if position(cell) != Some(index) {
                Mistake::new(format!("the column {} is there twice", Quoted(cell)))
                    .help("keep one of the two")
            } else {
                continue;
            };
            sink.report::<()>(line.cell_place(index), mistake);
            sound = false;
        }
        let header = Header {
            columns: line.record.len(),
            org_id: org_id?,
            label,
        };
        sound.then_some(header)
    }
}

fn wrong_separator(found: &str) -> Mistake {
    Mistake::new(format!("the columns are separated by {found}"))
        .help("separate them by commas: `org_id,label`")
}

/// The lines below the header.
struct Lines<'a> {
    sink: &'a Sink,
    labels: &'a mut LabelBook,
    seen: HashSet<SubPartner>,
    partners: Vec<SubPartner>,
    sound: bool,
}

impl Lines<'_> {
    fn take(&mut self, header: &Header, line: &Line<'_>) {
        match self.sub_partner(header, line) {
            Ok(sub_partner) => {
                if self.seen.insert(sub_partner.clone()) {
                    self.partners.push(sub_partner);
                }
            }
            Err((place, mistake)) => {
                self.sink.report::<()>(place, mistake);
                self.sound = false;
            }
        }
    }

    fn sub_partner(
        &mut self,
        header: &Header,
        line: &Line<'_>,
    ) -> Result<SubPartner, (Place, Mistake)> {
        let record = line.record;
        if let Some(open) = record.iter().position(|cell| cell.contains(['\r', '\n'])) {
            let mistake = Mistake::new("a quoted cell goes on over the end of the line")
                .help("close the quote; within a quoted cell, a quote is written twice");
            return Err((line.cell_place(open), mistake));
        }
        if record.as_slice().len() > MAX_LINE_BYTES {
            let mistake = Mistake::new(format!("this line is longer than {MAX_LINE_BYTES} bytes"));
            let help = "write an id, and a label that people can read";
            return Err((line.place(), mistake.help(help)));
        }
        // With the one column `org_id` the cell would pass for an id.
        if record.len() == 1 && line.cell(0).contains(';') {
            return Err((line.place(), wrong_separator("semicolons")));
        }
        if record.len() != header.columns {
            let mistake = Mistake::new(format!(
                "this line has {} cells, the header has {}",
                record.len(),
                header.columns
            ))
            .help(
                "write a cell for each column; a label with a comma needs quotes: \"Acme, Inc.\"",
            );
            return Err((line.place(), mistake));
        }
        let id = checked_id(line.cell(header.org_id))
            .map_err(|mistake| (line.cell_place(header.org_id), mistake))?;
        let label = match header.label {
            Some(column) if !line.cell(column).is_empty() => {
                let label = checked_label(line.cell(column))
                    .map_err(|mistake| (line.cell_place(column), mistake))?;
                Some(Arc::from(label))
            }
            _ => None,
        };
        let sub_partner = SubPartner { id, label };
        self.labels.add(
            &sub_partner,
            &line.cell_place(header.label.unwrap_or(header.org_id)),
        );
        Ok(sub_partner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_in_their_line() {
        let line = "a ,\"b, \"\"c\"\"\", d\r\nnext";
        for (index, cell) in [(0, "a"), (1, "\"b, \"\"c\"\"\""), (2, "d")] {
            assert_eq!(&line[cell_span(line, index)], cell);
        }
        assert_eq!(&"a,,ü"[cell_span("a,,ü", 2)], "ü");
        assert_eq!(cell_span("a,,b", 1), 2..2);
        assert_eq!(cell_span("", 0), 0..0);
    }
}
