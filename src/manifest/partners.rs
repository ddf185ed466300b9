//! Partners files: CSV with a header, `org_id` and optionally `label`, as people and spreadsheets save it.

use std::{borrow::Cow, collections::HashMap, io, ops::Range, path::PathBuf, sync::Arc};

use indexmap::IndexSet;

use super::{
    labels::LabelBook,
    model::{PlanWarningSource, SubPartner},
    names::{AS_TEXT, checked_id, checked_label},
};
use crate::{
    manifest::yaml::{Located, Mistake, Quoted, Sink, Source, SourceError, SourcePlace, nearest},
    text::count,
};
use reconcile::Beginning;

const MAX_LINE_BYTES: usize = 16 * 1024;

const COLUMNS: &[&str] = &["org_id", "label"];

#[derive(Default)]
pub(super) struct PartnersFiles {
    read: HashMap<PathBuf, PartnersContent>,
    pub(super) oddities: Vec<PlanWarningSource>,
}

/// `Ok(None)`: problems are reported. `Err`: unreadable, to be reported at each place that names the file.
type PartnersContent = Result<Option<Arc<[SubPartner]>>, Mistake>;

impl PartnersFiles {
    pub(super) fn read(
        &mut self,
        file: &Located<PathBuf>,
        labels: &mut LabelBook,
        sink: &Sink,
    ) -> Option<Arc<[SubPartner]>> {
        let path = &file.value;
        let oddities = &mut self.oddities;
        let content = self.read.entry(path.clone()).or_insert_with(|| {
            let source = Source::read(path).map_err(|why| {
                let path = path.display().to_string();
                let message = format!("cannot read the partners file {}: {why}", Quoted(&path));
                Mistake { help: help(&why).map(str::to_owned), ..Mistake::new(message) }
            })?;
            Ok(partners(&source, sink, labels, oddities).map(Arc::from))
        });
        match content {
            Ok(partners) => partners.clone(),
            Err(mistake) => file.report(sink, mistake.clone()),
        }
    }
}

fn help(why: &SourceError) -> Option<&'static str> {
    match why {
        SourceError::Io(e) if e.kind() == io::ErrorKind::NotFound => {
            Some("paths are relative to the manifest's folder")
        }
        SourceError::Binary(_) => {
            Some("open it in the spreadsheet, save it as CSV UTF-8, and name that file here")
        }
        SourceError::Wide | SourceError::NotUtf8 { .. } => Some(
            "in the spreadsheet, save it as CSV UTF-8; plain CSV is in the computer's own encoding (ANSI) there",
        ),
        SourceError::Io(_) | SourceError::Directory | SourceError::TooLarge => None,
    }
}

fn partners(
    source: &Arc<Source>,
    sink: &Sink,
    labels: &mut LabelBook,
    oddities: &mut Vec<PlanWarningSource>,
) -> Option<Vec<SubPartner>> {
    let is_id = |name: &str| nearest(name, COLUMNS.iter().copied()) == Some("org_id");
    let Beginning { header_at, separator } = Beginning::of(&source.text, is_id);
    let table = &source.text[header_at..];
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(table.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut header: Option<PartnersHeader> = None;
    let mut lines = PartnersLines { sink, labels, partners: IndexSet::new(), sound: true };
    // The reader cannot fail on UTF-8 in memory with lines of any length.
    while reader.read_record(&mut record).unwrap_or(false) {
        if record.iter().all(str::is_empty) {
            continue;
        }
        let line = PartnersLine::new((source, header_at), &record, separator);
        match &header {
            None => {
                let found = PartnersHeader::read(&line, sink)?;
                if !found.others.is_empty() {
                    oddities.push(PlanWarningSource::FurtherColumns {
                        file: source.path.to_owned(),
                        names: found.others.clone(),
                    });
                }
                header = Some(found);
            }
            Some(header) => {
                lines.take(header, &line);
            }
        }
    }
    if lines.sound && lines.partners.is_empty() {
        let end = source.text.trim_end().len();
        let last_line = source.text[..end].rfind('\n').map_or(0, |at| at + 1);
        let mistake = Mistake::new("this partners file lists nobody")
            .help("below the header `org_id,label`, write one sub-partner per line");
        return sink.report(source.place(last_line..end), mistake);
    }
    lines.sound.then(|| lines.partners.into_iter().collect())
}

/// Without the `="…"` that makes it a text in a spreadsheet, and on one line.
fn said(cell: &str) -> Cow<'_, str> {
    let text = cell.strip_prefix("=\"").and_then(|cell| cell.strip_suffix('"'));
    let text = text.map_or(Cow::Borrowed(cell), |text| text.trim().replace("\"\"", "\"").into());
    if !text.contains(['\r', '\n']) {
        return text;
    }
    let lines = text.split(['\r', '\n']).map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(" ").into()
}

/// Without the apostrophe that makes it a text in a spreadsheet.
fn id_said(cell: &str) -> Result<Cow<'_, str>, Mistake> {
    let id = said(cell.strip_prefix('\'').unwrap_or(cell));
    if id.starts_with('=') {
        let message = format!("{} is a spreadsheet's formula and no id", Quoted(cell));
        return Err(Mistake::new(message).help(AS_TEXT));
    }
    Ok(id)
}

struct PartnersLine<'a> {
    source: &'a Arc<Source>,
    record: &'a csv::StringRecord,
    separator: u8,
    start: usize,
}

impl<'a> PartnersLine<'a> {
    /// `begin`: the reader's first byte in the file.
    fn new(
        (source, begin): (&'a Arc<Source>, usize),
        record: &'a csv::StringRecord,
        separator: u8,
    ) -> Self {
        let text = &source.text;
        let position = record.position().map_or(0, csv::Position::byte);
        let start = usize::try_from(position).map_or(text.len(), |at| begin + at);
        let start = start.min(text.len());
        // The reader's position is before the line ends and empty lines that it skips.
        let skipped = text[start..].len() - text[start..].trim_start_matches(['\r', '\n']).len();
        PartnersLine { source, record, separator, start: start + skipped }
    }

    fn raw(&self) -> &'a str {
        &self.source.text[self.start..]
    }

    fn place(&self) -> SourcePlace {
        let end = self.raw().find(['\r', '\n']).unwrap_or(self.raw().len());
        self.source.place(self.start..self.start + end)
    }

    fn cell(&self, index: usize) -> &'a str {
        self.record.get(index).unwrap_or_default()
    }

    fn cell_place(&self, index: usize) -> SourcePlace {
        let span = cell_span(self.raw(), index, self.separator);
        self.source.place(self.start + span.start..self.start + span.end)
    }
}

fn cell_span(line: &str, index: usize, separator: u8) -> Range<usize> {
    let mut start = 0;
    let mut cell = 0;
    let mut quoted = false;
    let mut end = line.len();
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' if quoted || at == start => quoted = !quoted,
            b'"' if line.as_bytes().get(at.wrapping_sub(1)) == Some(&b'"') => quoted = true,
            byte if byte == separator && !quoted => {
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

struct PartnersHeader {
    columns: usize,
    org_id: usize,
    label: Option<usize>,
    others: Vec<String>,
}

impl PartnersHeader {
    fn read(line: &PartnersLine<'_>, sink: &Sink) -> Option<PartnersHeader> {
        let names: Vec<String> =
            (line.record.iter()).map(|cell| said(cell).to_ascii_lowercase()).collect();
        let position = |name: &str| names.iter().position(|cell| cell == name);
        let (org_id, label) = (position("org_id"), position("label"));
        let near = |cell| nearest(cell, COLUMNS.iter().copied());
        if org_id.is_none() && !line.record.iter().any(|cell| near(cell) == Some("org_id")) {
            let mistake = Mistake::new("the first line is not a header with `org_id`")
                .help("the first line has to be `org_id` or `org_id,label`: add it, or delete what is above it");
            return sink.report(line.place(), mistake);
        }
        let mut sound = true;
        let mut others = Vec::new();
        for (index, cell) in line.record.iter().enumerate() {
            let mistake = if !COLUMNS.contains(&&*names[index]) {
                if near(cell) != Some("org_id") || org_id.is_some() {
                    others.extend(Some(cell).filter(|name| !name.is_empty()).map(str::to_owned));
                    continue;
                }
                let message = format!("{} is not a valid column of a partners file", Quoted(cell));
                Mistake::new(message).help("did you mean org_id?")
            } else if position(&names[index]) != Some(index) {
                Mistake::new(format!("the column {} is there twice", Quoted(cell)))
                    .help("keep one of the two")
            } else {
                continue;
            };
            sink.report::<()>(line.cell_place(index), mistake);
            sound = false;
        }
        let header = PartnersHeader { columns: line.record.len(), org_id: org_id?, label, others };
        sound.then_some(header)
    }

    fn fewest(&self) -> usize {
        1 + self.org_id.max(self.label.unwrap_or_default())
    }
}

struct PartnersLines<'a> {
    sink: &'a Sink,
    labels: &'a mut LabelBook,
    partners: IndexSet<SubPartner>,
    sound: bool,
}

impl PartnersLines<'_> {
    fn take(&mut self, header: &PartnersHeader, line: &PartnersLine<'_>) {
        match self.sub_partner(header, line) {
            Ok(sub_partner) => {
                self.partners.insert(sub_partner);
            }
            Err((place, mistake)) => {
                self.sink.report::<()>(place, mistake);
                self.sound = false;
            }
        }
    }

    fn sub_partner(
        &mut self,
        header: &PartnersHeader,
        line: &PartnersLine<'_>,
    ) -> Result<SubPartner, (SourcePlace, Mistake)> {
        let record = line.record;
        if let Some(open) = (0..record.len()).find(|cell| swallows(header, line, *cell)) {
            let help = "close the quote, or write the cell on one line; within a quoted cell, a quote is written twice";
            let mistake = Mistake::new("a quoted cell goes on over the end of the line");
            return Err((line.cell_place(open), mistake.help(help)));
        }
        if record.as_slice().len() > MAX_LINE_BYTES {
            let too_long = Mistake::new(format!("this line is longer than {MAX_LINE_BYTES} bytes"));
            let help = "write an id, and a label that people can read";
            return Err((line.place(), too_long.help(help)));
        }
        // With the one column `org_id`, the cell would be accepted as an id.
        if header.columns == 1 && line.cell(0).contains([',', ';', '\t']) {
            let several = Mistake::new("this line has several cells, the header has one");
            let named = several.help("name the columns in the first line: `org_id;label`");
            return Err((line.place(), named));
        }
        let is_too_long = record.iter().skip(header.columns).any(|cell| !cell.is_empty());
        if record.len() < header.fewest() || is_too_long {
            let cells = count(record.len(), "cell");
            let message = format!("this line has {cells}, the header has {}", header.columns);
            let advice =
                "write a cell for each column; a label with a comma needs quotes: \"Acme, Inc.\"";
            return Err((line.place(), Mistake::new(message).help(advice)));
        }
        let id = id_said(line.cell(header.org_id))
            .and_then(|id| checked_id(&id))
            .map_err(|mistake| (line.cell_place(header.org_id), mistake))?;
        let label = match header.label {
            Some(column) if !line.cell(column).is_empty() => {
                let label = checked_label(&said(line.cell(column)));
                Some(label.map_err(|mistake| (line.cell_place(column), mistake))?)
            }
            _ => None,
        };
        let sub_partner = SubPartner { id, label };
        let place = line.cell_place(header.label.unwrap_or(header.org_id));
        self.labels.add(&sub_partner, &place, self.sink);
        Ok(sub_partner)
    }
}

fn swallows(header: &PartnersHeader, line: &PartnersLine<'_>, cell: usize) -> bool {
    let is_read = cell == header.org_id;
    let separator = char::from(line.separator);
    let mut further = line.cell(cell).split(['\r', '\n']).skip(1);
    further.any(|text| is_read || text.matches(separator).count() + 1 >= header.fewest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_in_their_line() {
        let line = "a ,\"b, \"\"c\"\"\", d\r\nnext";
        for (index, cell) in [(0, "a"), (1, "\"b, \"\"c\"\"\""), (2, "d")] {
            assert_eq!(&line[cell_span(line, index, b',')], cell);
        }
        assert_eq!(&"a;;ü"[cell_span("a;;ü", 2, b';')], "ü");
        assert_eq!(cell_span("a,,b", 1, b','), 2..2);
        assert_eq!(cell_span("", 0, b','), 0..0);
    }
}
