use std::{collections::BTreeMap, fmt::Display, time::Duration};

use chrono::{DateTime, Local, TimeZone, Utc};
use comfy_table::{Table, presets::NOTHING};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use super::stdout;
use crate::{
    ledger::Row,
    manifest::{Limits, RateUnit},
    plan::time_to_send,
    text::{self, one_line},
};
use reconcile::UnitTotals;
use request::OrgId;

pub(super) use crate::text::count;

/// `1,234,567`.
pub(super) fn grouped(n: usize) -> String {
    text::grouped(n as u64)
}

/// `2026-11-02 03:04:06 UTC`
pub(crate) fn moment_text(at: DateTime<Utc>) -> String {
    time(at).to_string()
}

/// When to come back: `2026-11-02 03:04:06 UTC (04:04 here)`, the latter where the machine's clock shows another time.
pub(crate) fn moment_here(at: DateTime<Utc>) -> String {
    moment_in(at, &Local)
}

fn moment_in(at: DateTime<Utc>, zone: &impl TimeZone) -> String {
    let here = at.with_timezone(zone).naive_local();
    let form = if here.date() == at.date_naive() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    if here == at.naive_utc() {
        moment_text(at)
    } else {
        format!("{} ({} here)", time(at), here.format(form))
    }
}

pub(super) fn time(at: DateTime<Utc>) -> impl Display {
    at.format("%Y-%m-%d %H:%M:%S UTC")
}

/// `850 ms`, `2.5 s`, `12 s`, `3m 20s`, `1h 5m`.
pub(crate) fn duration(d: Duration) -> String {
    // A wait of a second is still one after some microseconds.
    let d = Duration::from_millis(u64::try_from(d.as_micros().div_ceil(1000)).unwrap_or(u64::MAX));
    let tenths = (d.as_millis() + 50) / 100;
    match d.as_millis() {
        ..1000 => format!("{} ms", d.as_millis()),
        1000..9950 if !tenths.is_multiple_of(10) => format!("{}.{} s", tenths / 10, tenths % 10),
        _ => rounded(d),
    }
}

/// `12 s`, `3m 20s`, `1h 5m`, to the nearest second.
pub(super) fn rounded(d: Duration) -> String {
    let seconds = (d + Duration::from_millis(500)).as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}m{}", seconds / 60, rest(seconds % 60, "s")),
        _ => format!("{}h{}", seconds / 3600, rest(seconds % 3600 / 60, "m")),
    }
}

fn rest(n: u64, unit: &str) -> String {
    match n {
        0 => String::new(),
        n => format!(" {n}{unit}"),
    }
}

/// `725 s`, for what is counted down: never 0 as long as something is left.
pub(super) fn seconds(d: Duration) -> String {
    format!("{} s", d.as_millis().div_ceil(1000))
}

/// `about 3m 20s`, for what is only estimated.
pub(super) fn about(d: Duration) -> String {
    match d.as_secs() {
        0 => "less than a second".to_owned(),
        _ => format!("about {}", rounded(d)),
    }
}

/// `about 1m 26s at 60/min`, for `creates`.
pub(super) fn at_rate(limits: &Limits, creates: usize) -> String {
    match time_to_send(limits, creates) {
        Some(time) => format!("{} at {}", about(time), limits.rate),
        None => "as fast as the server lets it (rate: unlimited)".to_owned(),
    }
}

/// `86 to send`, for each number that is not 0.
pub(super) fn numbers<'a>(parts: &'a [(usize, &'a str)]) -> impl Iterator<Item = String> + 'a {
    let there = parts.iter().filter(|(n, _)| *n > 0);
    there.map(|(n, what)| format!("{} {what}", grouped(*n)))
}

/// How often each key comes.
pub(super) fn tally<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    keys.into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

pub(super) fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// A rate in the manifest's form, in the smallest unit that gives some three digits: `228/min`. Rounded down: the
/// server granted it.
pub(super) fn rate(per_second: f64) -> String {
    let in_unit = |unit: RateUnit| per_second * unit.duration().as_secs_f64();
    let mut smaller = [RateUnit::Second, RateUnit::Minute].into_iter();
    let unit = smaller.find(|unit| in_unit(*unit) >= 20.0).unwrap_or(RateUnit::Hour);
    format!("{}/{}", in_unit(unit).floor().max(1.0), unit.as_str())
}

/// Columns without lines; the numbered ones flush right. A cell is one line, whatever stands in it.
/// On a terminal, cells that are too wide for it go on in the next line.
pub(super) fn columns(header: &[&str], rows: Vec<Vec<String>>, right: &[usize]) -> String {
    columns_within(stdout::width(), header, rows, right)
}

fn columns_within(
    width: Option<usize>,
    header: &[&str],
    rows: Vec<Vec<String>>,
    right: &[usize],
) -> String {
    let mut cells = vec![header.iter().map(ToString::to_string).collect::<Vec<_>>()];
    let one_lines = |row: Vec<String>| row.iter().map(|cell| one_line(cell)).collect();
    cells.extend(rows.into_iter().map(one_lines));
    if let Some(width) = width {
        fit(&mut cells, width);
    }
    let mut table = Table::new();
    let mut cells = cells.into_iter();
    table.load_style(NOTHING).set_header(cells.next().unwrap_or_default());
    table.add_rows(cells);
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&place) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// Wraps cells between words until the columns fit: first where only the header is wide, then the widest. A longer word in
/// the last column, such as a path, makes no other one narrow.
fn fit(lines: &mut [Vec<String>], room: usize) {
    const GAP: usize = 2;
    const LAST: usize = 24;
    let count = lines.first().map_or(0, Vec::len);
    let widest = |of_lines: &[Vec<String>], of: fn(&str) -> usize| -> Vec<usize> {
        let of_column =
            |at: usize| of_lines.iter().filter_map(|line| Some(of(line.get(at)?))).max();
        (0..count).map(|at| of_column(at).unwrap_or(0)).collect()
    };
    let longest_word = |cell: &str| cell.split(' ').map(self::width).max().unwrap_or(0);
    let bodies = widest(lines.get(1..).unwrap_or_default(), self::width);
    let mut least = widest(lines, longest_word);
    if let Some(last) = least.last_mut() {
        *last = LAST.min(*last);
    }
    let mut widths = widest(lines, self::width);
    while widths.iter().sum::<usize>() + GAP * count.saturating_sub(1) > room {
        let can_shrink = (0..count).filter(|at| widths[*at] > least[*at]);
        let Some(at) = can_shrink.max_by_key(|at| (widths[*at] > bodies[*at], widths[*at])) else {
            break;
        };
        widths[at] -= 1;
    }
    for line in lines {
        for (cell, width) in line.iter_mut().zip(&widths) {
            *cell = wrapped_with(cell, *width, "", "");
        }
    }
}

/// Usage, exact quotient, units and what rounding added.
pub(super) fn unit_amounts(totals: &UnitTotals) -> [String; 4] {
    let UnitTotals { usage, exact, units, rounding, .. } = totals;
    [usage, exact, units, rounding].map(ToString::to_string)
}

/// As [`columns`]; those in `figures` flush right, with equal decimals in each.
pub(super) fn figures(
    header: &[&str],
    mut rows: Vec<Vec<String>>,
    figures: std::ops::Range<usize>,
) -> String {
    for column in figures.clone() {
        same_decimals(rows.iter_mut().filter_map(|row| row.get_mut(column)));
    }
    columns(header, rows, &figures.collect::<Vec<_>>())
}

/// Adds zeros, so that all numbers have as many decimals as the one with the most.
pub(super) fn same_decimals<'t>(texts: impl Iterator<Item = &'t mut String>) {
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let is_number = |text: &str| text.ends_with(|c: char| c.is_ascii_digit());
    let mut numbers: Vec<&mut String> = texts.filter(|text| is_number(text)).collect();
    let most = numbers.iter().map(|text| decimals(text)).max().unwrap_or(0);
    for text in &mut numbers {
        let lacking = most - decimals(text);
        if lacking > 0 {
            let mark = if decimals(text) == 0 { "." } else { "" };
            text.push_str(&format!("{mark}{}", "0".repeat(lacking)));
        }
    }
}

/// A name for people: of an organisation's id the UUID, as Control Hub shows it.
pub(super) fn shortened(who: &str) -> String {
    let org: Option<OrgId> = who.parse().ok();
    org.and_then(|org| org.uuid()).unwrap_or_else(|| without_middle(who))
}

/// As [`shortened`], each word of it: `Acme USER 2026-09`.
pub(super) fn shortened_words(text: &str) -> String {
    one_line(text).split(' ').map(shortened).collect::<Vec<_>>().join(" ")
}

fn without_middle(who: &str) -> String {
    const MOST: usize = 44;
    let who = one_line(who);
    let chars: Vec<char> = who.chars().collect();
    if chars.len() <= MOST {
        return who;
    }
    let head: String = chars[..20].iter().collect();
    let tail: String = chars[chars.len() - 20..].iter().collect();
    format!("{head}…{tail}")
}

/// `a, b, c and 12 more` in `room` columns, but never without one name.
pub(crate) fn listed(names: &[String], room: usize) -> String {
    let fits = |n: &usize| width(&text::named(&names[..*n], names.len())) <= room;
    let most = (2..=names.len()).take_while(fits).last().unwrap_or(1).min(names.len());
    text::named(&names[..most], names.len())
}

/// A line for each.
pub(super) fn notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("note: {}\n", one_line(note))).collect()
}

/// `… and 12 more requests (hint)`, as a line of its own; nothing where there are none.
pub(super) fn more(n: usize, what: &str, hint: &str) -> String {
    if n == 0 {
        return String::new();
    }
    format!("… and {} ({hint})\n", count(n, &format!("more {what}")))
}

/// The sub-partner's label or id, or words for the partner itself.
pub(super) fn who(row: &Row) -> String {
    shortened(row.who())
}

pub(crate) fn name(row: &Row) -> String {
    row.request().named(&who(row))
}

/// As [`name`], for programs that know a test case by its name: it never changes.
pub(super) fn lasting_name(row: &Row) -> String {
    row.request().named(&without_middle(row.who()))
}

/// Ends lines between words, where a terminal would break them anywhere. `width` in columns. A longer word, such as a path, stays whole: half of it cannot be copied.
pub(super) fn wrapped(line: &str, width: usize) -> String {
    const HANG: usize = 2;
    let text = line.trim_start_matches(' ');
    let indent = " ".repeat(line.len() - text.len());
    wrapped_with(text, width, &indent, &(indent.clone() + &" ".repeat(HANG)))
}

fn wrapped_with(text: &str, width: usize, first: &str, rest: &str) -> String {
    let options = Options::new(width)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::fill(text, options)
}

/// Wraps results. What stands below a line that ends in a colon, further in, are commands, to be copied as they stand.
pub(super) fn results(text: &str, width: usize) -> String {
    let mut above = None;
    let lines = text.split('\n').map(|line| {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let is_command = above.is_some_and(|above| indent > above);
        if !is_command {
            above = line.ends_with(':').then_some(indent);
        }
        let (cells, last_word) = line.trim_start().rsplit_once(' ').unwrap_or_default();
        let is_long_cell =
            cells.contains("  ") && self::width(line) - self::width(last_word) < width;
        if is_command || is_long_cell || self::width(line) <= width {
            line.to_owned()
        } else {
            wrapped(line, width)
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Wraps sentences. Indented lines are to be copied as they stand, or show a place in a file.
pub(super) fn sentences(text: &str, width: usize) -> String {
    let lines = text
        .split('\n')
        .map(|line| if line.starts_with(' ') { line.to_owned() } else { wrapped(line, width) });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(count(1, "request"), "1 request");
        assert_eq!(count(1_234_567, "request"), "1,234,567 requests");
        assert_eq!(grouped(999), "999");
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_500, "1.5 s"),
            (2_000, "2 s"),
            (9_970, "10 s"),
            (12_300, "12 s"),
            (200_000, "3m 20s"),
            (3_900_000, "1h 5m"),
            (3_600_000, "1h"),
            (900_000, "15m"),
            (4_040, "4 s"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
        let at = "2026-11-02T23:34:06Z".parse().unwrap();
        for (hours, text) in [(0, ""), (-5, " (18:34 here)"), (1, " (2026-11-03 00:34 here)")] {
            let zone = chrono::FixedOffset::east_opt(hours * 3600).unwrap();
            assert_eq!(moment_in(at, &zone), format!("2026-11-02 23:34:06 UTC{text}"));
        }
        assert_eq!(about(Duration::ZERO), "less than a second");
        assert_eq!(about(Duration::from_secs(200)), "about 3m 20s");
        for (per_second, text) in
            [(20.0, "20/s"), (3.8, "228/min"), (0.1, "360/h"), (0.0001, "1/h")]
        {
            assert_eq!(rate(per_second), text);
        }
    }

    #[test]
    fn an_organisation_is_named_by_its_uuid() {
        let uuid = "96abc2aa-3dcc-11e5-a152-fe34819cdc9a";
        let id = uuid.parse::<OrgId>().unwrap().canonical().to_owned();
        assert_eq!([&*id, &format!("{id}=="), uuid].map(shortened), [uuid; 3]);
        assert_eq!(shortened("Acme Voice"), "Acme Voice");
        assert_eq!(shortened(&"x".repeat(50)), format!("{0}…{0}", "x".repeat(20)));
    }

    #[test]
    fn tables_wrap_at_words_and_only_where_they_must() {
        let row = |cells: [&str; 3]| cells.map(ToOwned::to_owned).to_vec();
        let rows = || vec![row(["a", "the server has not said", "send"]), row(["b", "", "skip"])];
        let table = |width| columns_within(width, &["WHO", "WHAT", "A RUN WOULD"], rows(), &[]);
        let whole = "\
WHO  WHAT                     A RUN WOULD
a    the server has not said  send
b                             skip
";
        assert_eq!(table(None), whole);
        assert_eq!(table(Some(41)), whole);
        let header = "\
WHO  WHAT                     A RUN
                              WOULD
a    the server has not said  send
b                             skip
";
        assert_eq!(table(Some(35)), header);
        let path = "a/path/of/more/than/thirty/characters";
        let rows = vec![row(["a", "the server has not said", path])];
        let long = columns_within(Some(60), &["WHO", "WHAT", "FILE"], rows, &[]);
        assert_eq!(long.lines().nth(1), Some(&*format!("a    the server has not said  {path}")));
        assert_eq!(results(&long, 60), long);
        let narrow = "\
WHO  WHAT        A RUN
                 WOULD
a    the server  send
     has not
     said
b                skip
";
        assert_eq!(table(Some(22)), narrow);
    }

    #[test]
    fn results_wrap_and_their_commands_do_not() {
        let text = "one two three\n\n  four five six\nto do it:\n  monthend run x\nseven eight\n";
        assert_eq!(
            results(text, 9),
            "one two\n  three\n\n  four\n    five\n    six\nto do it:\n  monthend run x\nseven\n  eight\n"
        );
        assert_eq!(wrapped("    a-long-path said", 8), "    a-long-path\n      said");
    }

    #[test]
    fn lines_end_between_words_and_go_on_further_in() {
        let text = "the server asks for a wait\n  monthend run october-of-2026.yaml";
        assert_eq!(
            sentences(text, 20),
            "the server asks for\n  a wait\n  monthend run october-of-2026.yaml"
        );
        assert_eq!(wrapped("    out of order", 10), "    out of\n      order");
        assert_eq!(
            wrapped("at /a/path/of/many/parts now", 8),
            "at\n  /a/path/of/many/parts\n  now"
        );
        assert_eq!(
            wrapped("\u{1b}[33mwarning:\u{1b}[0m now", 12),
            "\u{1b}[33mwarning:\u{1b}[0m now"
        );
    }

    proptest! {
        #[test]
        fn every_word_stays_whole(text in "[a-z\u{e4}\u{65e5} ]{0,80}", width in 1usize..40) {
            let wrapped = wrapped(&text, width);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&wrapped), words(&text));
            for line in wrapped.lines() {
                let is_one_word = line.split_whitespace().count() <= 1;
                prop_assert!(console::measure_text_width(line) <= width || is_one_word, "{:?}", line);
            }
        }
    }
}
