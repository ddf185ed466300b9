//! What crashes, power cuts and bad disks leave of a ledger.

use super::*;

/// The bytes of a ledger at rest, and the lines that a run appended to it.
struct Running {
    at_rest: Ledger,
    lines: Vec<Row>,
}

impl Running {
    fn new() -> Self {
        let at_rest = sample();
        let lines = vec![
            sending(pending(0), 20),
            sending(pending(2), 21),
            created(pending(0), "Y2lz0", 22),
            failed(pending(2), 23),
            sending(pending(2), 24),
            with(pending(2), State::planned(), 25),
            created(pending(3), "Y2lz3", 26),
            sending(pending(2), 27),
        ];
        Running { at_rest, lines }
    }

    /// The file, and where each appended line begins, with the end last.
    fn bytes(&self) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = self.at_rest.to_csv();
        let mut starts = vec![bytes.len()];
        for row in &self.lines {
            bytes.extend(self.at_rest.line(row));
            starts.push(bytes.len());
        }
        (bytes, starts)
    }

    /// The ledger with the first `lines` of the appended ones.
    fn after(&self, lines: usize) -> Ledger {
        let mut ledger = self.at_rest.clone();
        for row in &self.lines[..lines] {
            ledger.fold(row.clone());
        }
        ledger
    }
}

/// Whether two states say the same but for the words of an error, which a torn line may lose.
fn alike(a: &State, b: &State) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b) && a.report_id() == b.report_id()
}

/// Of a row whose last line is torn: what stood there before, what the line says, or in doubt.
fn is_fair(found: &Row, before: Option<&Row>, torn: &Row) -> bool {
    let status = alike(&found.state, &torn.state)
        || found.state.word() == "sending"
        || before.is_some_and(|before| alike(&found.state, &before.state));
    let kept = before.is_none_or(|before| {
        let (was, is) = (before.state.intent(), found.state.intent());
        let intent_kept = was.is_none()
            || is == was
            || is == torn.state.intent() && alike(&found.state, &torn.state);
        let id_kept = before.state.report_id().is_none() || found.state == before.state;
        intent_kept && id_kept && found.attempts >= before.attempts && found.extra == before.extra
    });
    let whole = [before.map(|b| b.attempts), Some(torn.attempts), Some(0)];
    status && kept && whole.contains(&Some(found.attempts)) && found.request() == torn.request()
}

#[test]
fn a_run_that_was_cut_anywhere_keeps_every_whole_line() {
    let running = Running::new();
    let (bytes, starts) = running.bytes();
    for cut in starts[0]..=bytes.len() {
        let whole = starts.iter().filter(|start| **start <= cut).count() - 1;
        let before = running.after(whole);
        let found = reading(&bytes[..cut]);
        if starts.contains(&cut) {
            assert_eq!((&found.ledger, &found.repairs[..]), (&before, &[][..]));
            continue;
        }
        let torn = &running.lines[whole];
        for row in found.ledger.rows() {
            let earlier = before.get(row.id());
            if row.id() == torn.id() {
                assert!(is_fair(row, earlier, torn), "cut at {cut}: {row:?}");
            } else {
                assert_eq!(Some(row), earlier, "cut at {cut}");
            }
        }
        assert_eq!(found.ledger.len(), before.len());
        assert_eq!(found.repairs.len(), 1);
        // A report's id that is wholly there is never lost.
        let line = String::from_utf8_lossy(&bytes[starts[whole]..cut]);
        if let Some(id) = torn.state.report_id()
            && line.contains(&format!("created,{id},"))
        {
            let row = found.ledger.get(torn.id()).unwrap();
            assert_eq!(row.state.report_id(), Some(id));
        }
    }
}

#[test]
fn a_ledger_at_rest_that_was_cut_anywhere_has_no_wrong_row() {
    let sample = sample();
    let lf = text(&sample);
    let crlf = format!("\u{feff}{}", lf.replace('\n', "\r\n"));
    for text in [lf, crlf] {
        let mut last = 0;
        for cut in 0..text.len() {
            let Ok(found) = read(&text.as_bytes()[..cut], Path::new("l.csv")) else {
                assert!(cut <= text.find('\n').unwrap(), "refused when cut at {cut}");
                continue;
            };
            let rows: Vec<&Row> = found.ledger.rows().collect();
            assert!(rows.len() >= last, "cut at {cut}");
            last = rows.len();
            let Some((cut_row, whole)) = rows.split_last() else {
                continue;
            };
            for (row, original) in whole.iter().copied().zip(sample.rows()) {
                // Line breaks in notes are what the spreadsheet made of them.
                assert_eq!(row.state, original.state);
                assert_eq!(row.attempts, original.attempts);
                assert_eq!(row.request(), original.request());
            }
            let original = sample.rows().nth(whole.len()).unwrap();
            let fair = found.repairs.is_empty() || is_fair(cut_row, None, original);
            assert!(fair, "cut at {cut}: {cut_row:?}");
        }
    }
}

#[test]
fn a_torn_failure_that_may_be_in_doubt_is_not_sent_again_at_once() {
    let row = in_doubt(pending(3), 7, 30);
    let sample = sample();
    let line = sample.line(&row);
    let line = String::from_utf8(line).unwrap();
    let code = line.find("in_doubt").unwrap();
    for cut in 0..line.len() {
        let found = reading((text(&sample) + &line[..cut]).as_bytes());
        let row = found.ledger.get(row.id()).unwrap();
        if cut <= code + "in_doubt".len() {
            assert_eq!(row.state.word(), "sending", "cut at {cut}");
        } else {
            assert!(matches!(row.state, State::InDoubt { .. }), "cut at {cut}");
        }
        assert_eq!(row.state.intent(), Some(at(7)));
    }
}

#[test]
fn stretches_that_were_never_written_lose_only_what_was_not_durable() {
    let running = Running::new();
    let (bytes, starts) = running.bytes();
    for durable in 0..running.lines.len() {
        let from = starts[durable];
        for (length, step) in [(1, 1), (40, 7), (150, 11), (5000, 13)] {
            for begin in (from..starts[durable + 1]).step_by(step) {
                let mut damaged = bytes.clone();
                let end = (begin + length).min(bytes.len());
                damaged[begin..end].fill(0);
                let found = reading(&damaged);
                let before = running.after(durable);
                for row in found.ledger.rows() {
                    let earlier = before.get(row.id()).unwrap();
                    let mut lines = running.lines[durable..]
                        .iter()
                        .filter(|line| line.id() == row.id())
                        .peekable();
                    if lines.peek().is_none() {
                        assert_eq!(row, earlier, "zeros at {begin}..{end}");
                        continue;
                    }
                    let id_kept = row.state.report_id() == earlier.state.report_id()
                        || earlier.state.report_id().is_none();
                    let said = alike(&row.state, &earlier.state)
                        || row.state.word() == "sending"
                        || lines.any(|line| alike(&line.state, &row.state));
                    let fair = id_kept && said && row.extra == earlier.extra;
                    assert!(fair, "zeros at {begin}..{end}: {row:?}");
                }
                assert_eq!(found.ledger.len(), before.len());
            }
        }
    }
}

#[test]
fn zeros_before_the_run_are_no_crash() {
    let mut bytes = sample().to_csv();
    let third = bytes.len() / 2;
    bytes[third..third + 40].fill(0);
    let why = refusal(&bytes);
    assert!(why.contains("overwritten with zero bytes"), "{why}");
}

/// Where each record of `text` begins and ends, by line from 1.
fn records(sample: &Ledger) -> Vec<(usize, u64)> {
    let (mut at, mut line) = (0, 1);
    let header = text(sample).find('\n').unwrap() + 1;
    let mut records = vec![(0, 1)];
    at += header;
    line += 1;
    for row in sample.rows() {
        records.push((at, line));
        let bytes = sample.line(row);
        at += bytes.len();
        line += bytes.iter().filter(|b| **b == b'\n').count() as u64;
    }
    records.push((at, line));
    records
}

/// A changed byte in a text is only another text; but no row ever vanishes or takes another's place.
#[test]
fn a_flipped_byte_is_refused_with_its_line_or_changes_one_row_at_most() {
    let sample = sample();
    let bytes = sample.to_csv();
    let records = records(&sample);
    for place in records[1].0..bytes.len() {
        let record = records.iter().rposition(|(at, _)| *at <= place).unwrap();
        let lines = records[record].1..=records[record + 1].1;
        for byte in [bytes[place] ^ 1, bytes[place] ^ 0x80, b'"', b'\n', b',', 0] {
            if byte == bytes[place] {
                continue;
            }
            let mut flipped = bytes.clone();
            flipped[place] = byte;
            match read(&flipped, Path::new("l.csv")) {
                Ok(found) => {
                    let rows: Vec<&Row> = found.ledger.rows().collect();
                    // A zero at the very end is what a crash leaves.
                    let fewest = sample.len() - usize::from(byte == 0 && record == 6);
                    assert!(rows.len() >= fewest, "{place} as {byte}");
                    for (number, (row, original)) in
                        rows.iter().copied().zip(sample.rows()).enumerate()
                    {
                        assert_eq!(row.id(), original.id());
                        if number + 1 != record {
                            assert_eq!(row, original, "{place} as {byte}");
                        }
                    }
                }
                Err(LedgerError::Damaged { line, .. }) => {
                    // Zeros are seen by the row that comes after them.
                    let right = lines.contains(&line) || byte == 0 && line >= *lines.start();
                    assert!(right, "{place} as {byte}: {line}, not {lines:?}");
                }
                Err(other) => panic!("{place} as {byte}: {other}"),
            }
        }
    }
}

#[test]
fn an_open_quote_does_not_take_in_other_rows() {
    let sample = sample();
    let why = refusal(text(&sample).replacen("a note", "\"a note", 1).as_bytes());
    assert!(why.starts_with("l.csv:3: a quote is open and takes in the row on line 4"), "{why}");
    let why = refusal(text(&sample).replacen("400", "\"400", 1).as_bytes());
    assert!(why.starts_with("l.csv:4: "), "{why}");
    // Inches are no quotes.
    let inches = text(&sample).replace("a note", "a 5\" note");
    let found = reading(inches.as_bytes());
    assert_eq!(found.ledger.len(), sample.len());
    assert_eq!(*found.ledger.rows().nth(1).unwrap().extra, ["a 5\" note"]);
}
