//! `cargo bench --bench parts`: what the parts of a run cost, one by one. `benches/whole-process` measures whole runs.

#![expect(clippy::unwrap_used, reason = "what is measured is made here")]

use std::{fs, hint::black_box, path::Path};

use divan::{Bencher, counter::ItemsCount};
use monthend::testing::{
    DateCheck, Discovered, Feedback, FileDisk, Gate, Ledger, Limits, LoadOptions, Manifest, Plan,
    Priority, Rate, RetryPolicy, Row, WireAnswer, journal, read,
};
use request::{Period, ReportType, Request};

fn main() {
    divan::main();
}

const ROWS: u32 = 10_000;

fn request(n: u32) -> Request {
    Request {
        sub_partner: Some(format!("org{}", n / 30).parse().unwrap()),
        report_type: ReportType::ALL[n as usize % 3],
        period: Period::month(2026, 1 + n / 3 % 10).unwrap(),
        internal: false,
    }
}

fn created(n: u32) -> Row {
    let id = format!("Y2lzY29zcGFyazovL3VzL1JFUE9SVC8{n:032x}");
    let row = Row::planned(request(n), "partners".into(), Some("Partner".into()));
    row.created(id.parse().unwrap())
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    for n in 0..ROWS {
        ledger.fold(created(n));
    }
    ledger
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// A manifest of 30,000 requests to its plan.
#[divan::bench]
fn expand(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let partners: String = (0..1000).map(|n| format!("org{n},Partner {n}\n")).collect();
    fs::write(folder.path().join("p.csv"), format!("org_id,label\n{partners}")).unwrap();
    let text = "version: 1\nname: n\njobs:\n  - name: partners\n    sub_partners: [{ file: p.csv }]\n    \
                types: [PARTNER, CUSTOMER, USER]\n    periods: [{ from: 2026-01, to: 2026-10, every: month }]\n";
    let path = folder.path().join("m.yaml");
    fs::write(&path, text).unwrap();
    let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 1).unwrap();
    let options = LoadOptions { as_of: day, today: day, date_check: DateCheck::Off };
    let manifest = Manifest::load(&path, &options).unwrap();
    bencher
        .counter(ItemsCount::new(30_000u32))
        .bench(|| Plan::expand(black_box(&manifest), &Discovered::new()).unwrap());
}

#[divan::bench]
fn request_id(bencher: Bencher<'_, '_>) {
    let request = request(7);
    bencher.bench(|| black_box(&request).id());
}

/// Bytes to rows: what `status` and every run begin with.
#[divan::bench]
fn ledger_read(bencher: Bencher<'_, '_>) {
    let bytes = ledger().to_csv();
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench(|| read(black_box(&bytes), Path::new("l.csv")).unwrap());
}

/// Later lines of known rows.
#[divan::bench]
fn ledger_fold(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| (ledger(), (0..ROWS).map(created).collect::<Vec<_>>()))
        .bench_values(|(mut ledger, rows)| {
            for row in rows {
                ledger.fold(row);
            }
            ledger
        });
}

/// Rows to bytes: the ledger at rest.
#[divan::bench]
fn ledger_compact(bencher: Bencher<'_, '_>) {
    let ledger = ledger();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| black_box(&ledger).to_csv().len());
}

/// Groups of durable lines, on the disk of the temporary folder.
#[divan::bench(args = [1, 16, 128], sample_count = 20)]
fn ledger_append(bencher: Bencher<'_, '_>, together: usize) {
    let folder = tempfile::tempdir().unwrap();
    let disk = FileDisk::new(folder.path().join("l.csv"), None);
    let runtime = runtime();
    runtime.block_on(monthend::testing::Disk::replace(&disk, Ledger::default().to_csv())).unwrap();
    let line = Ledger::default().line(&created(7));
    bencher.counter(ItemsCount::new(together)).bench(|| {
        runtime.block_on(async {
            let (journal, writer) = journal(&disk);
            let lines = (0..together).map(|_| journal.append(line.clone()));
            let all = async {
                let done = futures::future::join_all(lines).await;
                assert!(done.iter().all(Result::is_ok));
            };
            tokio::select! {
                () = all => {}
                _ = writer.run() => {}
            }
        });
    });
}

#[divan::bench]
fn error_body(bencher: Bencher<'_, '_>) {
    let answer = WireAnswer {
        status: 400,
        headers: vec![("content-type", b"application/json".to_vec())],
        body: br#"{"message":"the billing period is not over","errors":[{"description":"endDate"}],"trackingId":"T_1"}"#
            .to_vec(),
        whole: true,
        arrived: chrono::DateTime::UNIX_EPOCH,
    };
    let request = request(7);
    bencher.with_inputs(|| answer.clone()).bench_values(|answer| answer.created(&request));
}

/// One request through the gate, with others behind it.
#[divan::bench(args = [0, 64])]
fn gate(bencher: Bencher<'_, '_>, waiting: usize) {
    let limits =
        Limits { rate: Rate::Unlimited, concurrency: 1.try_into().unwrap(), ..Limits::default() };
    let (runtime, policy) = (runtime(), RetryPolicy::default());
    bencher.counter(ItemsCount::new(1 + waiting)).bench(|| {
        runtime.block_on(async {
            let gate = Gate::new(&limits, &policy);
            let through = (0..=waiting).map(|_| async {
                let pass = gate.enter(Priority::Ordinary).await.unwrap();
                pass.leave().await.unwrap();
                pass.answered(Feedback::Accepted);
            });
            futures::future::join_all(through).await;
        });
    });
}
