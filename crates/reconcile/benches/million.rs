//! A million rows on each side: seconds and memory. Each shape in a process of its own, for the peak of its memory:
//! `cargo bench -p monthend-reconcile --bench million -- SHAPE [ROWS]`.
//!
//! Shapes: `equal` (the same keys on both sides, some numbers differ), `apart` (no key on both sides), `ids` (the API's
//! form of ids in the report, UUIDs in the list).

use std::{
    error::Error,
    fs,
    io::{self, Read, Write as _},
    time::Instant,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reconcile::{Class, Comparison, KeyPart, Rules, Side, SideColumns, Table};

const MILLION: u64 = 1_000_000;

/// A file that is made while it is read.
struct Rows {
    next: u64,
    end: u64,
    line: fn(u64, &mut Vec<u8>) -> io::Result<()>,
    buffer: Vec<u8>,
    read: usize,
}

impl Rows {
    fn new(begin: u64, count: u64, line: fn(u64, &mut Vec<u8>) -> io::Result<()>) -> Self {
        Rows { next: begin, end: begin + count, line, buffer: b"ID,SKU,N\n".to_vec(), read: 0 }
    }
}

impl Read for Rows {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.read == self.buffer.len() {
            self.buffer.clear();
            self.read = 0;
            while self.next < self.end && self.buffer.len() < 1 << 16 {
                (self.line)(self.next, &mut self.buffer)?;
                self.next += 1;
            }
        }
        let read = (&self.buffer[self.read..]).read(out)?;
        self.read += read;
        Ok(read)
    }
}

/// As UUIDs are: no two begin alike.
fn uuid(n: u64) -> String {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (a, b, c) = (mixed >> 32, (mixed >> 16) & 0xffff, mixed & 0xffff);
    format!("{a:08x}-{b:04x}-{c:04x}-a152-{n:012x}")
}

fn report(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    writeln!(out, "{},A-{},{}.25", uuid(n), n % 10, n % 31)
}

fn list(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let more = u64::from(n.is_multiple_of(100));
    writeln!(out, "{},A-{},{}.25", uuid(n), n % 10, n % 31 + more)
}

fn long_ids(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let id = BASE64_URL_SAFE_NO_PAD.encode(format!("ciscospark://us/PEOPLE/{}", uuid(n)));
    writeln!(out, "{id},A-{},{}.25", n % 10, n % 31)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let shape = arguments.next().unwrap_or_else(|| "equal".to_owned());
    let count = arguments.next().map_or(Ok(MILLION), |rows| rows.parse())?;
    let sides = || match &*shape {
        "apart" => [Rows::new(0, count, report), Rows::new(count, count, list)],
        "ids" => [Rows::new(0, count, long_ids), Rows::new(0, count, list)],
        _ => [Rows::new(0, count, report), Rows::new(0, count, list)],
    };
    let begin = Instant::now();
    for mut side in sides() {
        io::copy(&mut side, &mut io::sink())?;
    }
    let making = begin.elapsed();

    let begin = Instant::now();
    let mut comparison = Comparison::new(Rules { numbers: 1, ..Rules::default() });
    let columns = SideColumns {
        key: vec![KeyPart::Column(0), KeyPart::Column(1)],
        numbers: vec![2],
        ..SideColumns::default()
    };
    for (side, rows) in [Side::Report, Side::List].into_iter().zip(sides()) {
        comparison.read(side, &mut Table::open(rows)?, &columns, 0)?;
    }
    let read = begin.elapsed();
    let outcome = comparison.finish();
    let finished = begin.elapsed();
    let shown: usize = outcome.differences().map(|key| key.key.concat().len()).sum();
    let took = begin.elapsed();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("{shape}: {count} rows on each side");
    println!("making the files {making:.2?}; making and reading them {read:.2?}");
    println!("found after {finished:.2?}; all differences built after {took:.2?}; {peak}");
    let counts = Class::ALL.map(|class| format!("{class} {}", outcome.count(class)));
    println!("{}; {shown} bytes of keys differ", counts.join(", "));
    Ok(())
}
