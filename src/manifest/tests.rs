//! The manifest as a whole: files in, checked types or located problems out.

mod bad;
mod properties;
mod reading;
mod schema;
mod starter;
mod written;

use std::{fs, path::PathBuf};

use chrono::NaiveDate;
use tempfile::TempDir;

use super::*;
use crate::manifest::{
    model::Discover,
    settings::{Settings, Totals},
    yaml::Problems,
};

/// A folder with a manifest and its partners files.
struct Folder {
    dir: TempDir,
}

impl Folder {
    fn new(manifest: &str) -> Self {
        let folder = Folder { dir: tempfile::tempdir().unwrap() };
        folder.with("october.yaml", manifest)
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.dir.path().join(name), content).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn load(&self) -> Result<Manifest, ManifestError> {
        Manifest::load(&self.path("october.yaml"), &options())
    }

    fn problems(&self) -> Problems {
        match self.load() {
            Err(ManifestError::Invalid(problems)) => problems,
            other => panic!("expected problems, got {other:?}"),
        }
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn options() -> LoadOptions {
    LoadOptions { as_of: day("2026-11-03"), today: day("2026-11-05"), date_check: DateCheck::On }
}

const FULL: &str = r#"version: 1
name: october-2026

api:
  base_url: https://webexapis.com/v1
  connect_timeout: 5s
  request_timeout: 1m
  ca_file: ca.pem

limits:
  rate: 5/s
  burst: 3
  concurrency: 4
  max_requests: 500

retry:
  max_attempts: 3
  base_delay: 200ms
  max_delay: 2s
  max_retry_after: 1h30m
  max_consecutive_failures: 7
  max_stall: 2h
  settle: 0s

collect:
  wait: 5m
  output: out/reports

audit:
  totals:
    column: CONSUMPTION
    by: [SKU, REGION]
    tolerance: [0.5, 1%]
    not_in: { USER: [A-CALLING-COMMON-AREA] }

files:
  CUSTOMER:
    columns: [CUSTOMER_ORG_ID, SKU, CONSUMPTION]
    closed: true
    key: [CUSTOMER_ORG_ID, SKU]

units:
  of: CONSUMPTION
  report: CUSTOMER
  per: days
  round: up
  at: [CUSTOMER_ORG_ID, SKU]

reconcile:
  - name: invoice
    report: CUSTOMER
    with: invoice-{period}.csv
    match: { SKU: Part Number }
    compare: { UNITS: Quantity }
    tolerance: 0.5
  - name: subscribers
    report: USER
    jobs: [resellers]
    internal: true
    with: { file: crm.csv, decimal: ",", where: { State: [active, trial], Year: 2026 } }
    match: { USER_ID: webex_id, SKU: Product }
    translate: { Product: products.csv }
    ignore_case: true
    unique: true
  - name: restated
    report: USER
    with: { ledger: october.first.ledger.csv }
    match: [USER_ID, SKU]
    compare: [CONSUMPTION]
  - name: levels
    report: CUSTOMER
    with: { report: USER }
    match: [sub_partner_org_id, SKU]
    compare: [CONSUMPTION]
    tolerance: 1%

ledger: out/october.csv

defaults:
  types: [PARTNER]
  internal: true

jobs:
  - name: own
    periods: [2026-10]

  - name: resellers
    sub_partners:
      - Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi81MmNmNTc2ZA
      - { id: Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi85NmFiYzJhYQ, label: Acme GmbH }
      - { file: partners.csv }
      - { discover: active }
    types: [CUSTOMER, USER]
    internal: false
    periods:
      - 2026-10
      - previous-month
      - { start: 2026-10-01, end: 2026-10-15 }
      - { from: 2026-01, to: 2026-03, every: month }
    exclude:
      - { sub_partner: Acme GmbH, type: USER }
      - { period: previous-month }
"#;

const PARTNERS: &str = "org_id,label\nb1,Bolt\nb2,\nb1,Bolt\n";
