//! Any text is survived; what is written is read.

use chrono::{Datelike, Days};
use proptest::prelude::*;

use super::written::{
    DaysText, DefaultsText, DiscoverText, EveryText, ExcludedPeriodText, ExclusionText, FileText,
    IdText, JobText, ManifestText, MonthText, MonthsText, NamedText, PeriodText, SubPartnerText,
};
use super::*;
use request::{Period, ReportType};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = Folder::new("").with("october.yaml", &bytes).with("p.csv", &bytes);
        survive(&folder);
    }

    #[test]
    fn any_yaml_ish_text_is_survived(words in proptest::collection::vec(arb_word(), 0..60)) {
        let text = words.concat();
        survive(&Folder::new(&text));
        survive(&Folder::new(&format!("version: 1\njobs:\n  - name: x\n    {text}")));
    }

    #[test]
    fn any_partners_file_is_survived(words in proptest::collection::vec(arb_cell(), 0..40)) {
        let folder = Folder::new("version: 1\njobs: [{ name: x, types: [USER], periods: [2026-09], sub_partners: [{ file: p.csv }] }]\n")
            .with("p.csv", format!("org_id,label\n{}", words.concat()));
        survive(&folder);
    }

    #[test]
    fn a_cut_or_damaged_example_is_survived(cut in 0..FULL.len(), length in 0..40_usize, with in arb_word()) {
        let end = (cut + length).min(FULL.len());
        let text = format!("{}{with}{}", &FULL[..cut], &FULL[end..]);
        survive(&Folder::new(&text).with("partners.csv", PARTNERS));
    }

    #[test]
    fn what_is_written_is_read(manifest in arb_manifest()) {
        let yaml = serde_yaml::to_string(&manifest).unwrap();
        let folder = Folder::new(&yaml).with("partners.csv", PARTNERS);
        let read = folder.load().map_err(|error| TestCaseError::fail(format!("{error}\n{yaml}")))?;
        prop_assert_eq!(read.name.as_str(), manifest.name.as_deref().unwrap_or("october"));
        prop_assert_eq!(read.jobs.len(), manifest.jobs.len());
        for (job, text) in read.jobs.iter().zip(&manifest.jobs) {
            prop_assert_eq!(&*job.name, &text.name);
            prop_assert_eq!(job.internal, text.internal.unwrap_or(false));
            let types = text.types.clone().unwrap_or_else(|| vec![ReportType::Partner]);
            prop_assert_eq!(&job.types, &types);
            let periods: Vec<_> = text.periods.iter().flatten().flat_map(meant).collect();
            prop_assert_eq!(&job.periods, &periods);
            let excluded: Vec<_> = text.exclude.iter().flatten().collect();
            prop_assert_eq!(job.exclude.len(), excluded.len());
            for (exclusion, text) in job.exclude.iter().zip(excluded) {
                prop_assert_eq!(exclusion.report_type, text.report_type);
                let period = text.period.clone().map(|period| match period {
                    ExcludedPeriodText::Month(month) => PeriodText::Month(month),
                    ExcludedPeriodText::Days(days) => PeriodText::Days(days),
                });
                prop_assert_eq!(exclusion.period, period.map(|period| meant(&period)[0]));
                let id = text.sub_partner.as_ref().map(|name| match name.as_str() {
                    "Bolt" => "b1".to_owned(),
                    name => name.trim_start_matches("Ü: '").trim_end_matches("' #").to_owned(),
                });
                prop_assert_eq!(exclusion.sub_partner.as_ref().map(ToString::to_string), id);
            }
            let named: Vec<_> = text.sub_partners.iter().flatten().flat_map(listed).collect();
            match &job.sub_partners {
                SubPartners::Own => prop_assert!(named.is_empty()),
                SubPartners::Listed(sources) => {
                    let read: Vec<_> = sources.iter().map(|source| match source {
                        SubPartnerSource::Named(s) => (s.id.to_string(), s.label.as_deref().map(str::to_owned)),
                        SubPartnerSource::Discovered(which) => (format!("{which:?}"), None),
                    }).collect();
                    prop_assert_eq!(read, named);
                }
            }
        }
    }
}

/// Loads and, where there are problems, looks at each of them in every way.
fn survive(folder: &Folder) {
    if let Err(ManifestError::Invalid(problems)) = folder.load() {
        assert!(problems.shown.iter().len() > 0);
        for problem in problems.shown.iter() {
            assert!(problem.place.line() > 0 && problem.place.column() > 0);
            assert!(!problem.place.text().contains('\n'));
        }
        problems.render(true);
    }
    let _ = RunSettings::load(&folder.path("october.yaml"));
}

fn arb_word() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "\n",
            "\n  ",
            "\n- ",
            "\r\n",
            "\t",
            " ",
            ": ",
            "- ",
            "{ ",
            " }",
            "[",
            "]",
            ", ",
            "&a ",
            "*a",
            "<<: ",
            "!x ",
            "!!str ",
            "# ",
            "\"",
            "'",
            "|\n",
            ">-\n",
            "---\n",
            "...\n",
            "%YAML 1.2\n",
            "? ",
            "~",
            "\u{feff}",
            "version: 1\n",
            "jobs:\n",
            "name: ",
            "types: [USER]",
            "periods: ",
            "2026-10",
            "sub_partners: ",
            "id: ",
            "label: ",
            "file: p.csv",
            "exclude: ",
            "defaults: ",
            "é",
            "日本",
            "\u{1f600}",
            "\u{2028}",
            "0x1",
            ".inf",
            "1e999",
            "true",
            "0s",
            "api: ",
            "limits: ",
            "rate: ",
            "reconcile: ",
            "with: ",
            "match: ",
            "where: ",
            "translate: ",
            "units: ",
            "per: ",
            "tolerance: ",
            "{period}",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
    ]
}

fn arb_cell() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "a", "ü", ",", ",", "\n", "\r\n", "\"", "\"\"", ";", " ", "\t", "own", "\r", "日",
    ])
    .prop_map(str::to_owned)
}

fn arb_day() -> impl Strategy<Value = NaiveDate> {
    (0..1800_u64).prop_map(|back| day("2026-11-04") - Days::new(back))
}

fn arb_month() -> impl Strategy<Value = (i32, u32)> {
    (2022..=2026_i32, 1..=10_u32)
}

fn arb_period() -> impl Strategy<Value = PeriodText> {
    let month = |(year, month): (i32, u32)| format!("{year}-{month:02}");
    prop_oneof![
        Just(PeriodText::Month(MonthText("previous-month".to_owned()))),
        arb_month().prop_map(move |m| PeriodText::Month(MonthText(month(m)))),
        (arb_day(), arb_day()).prop_map(|(a, b)| PeriodText::Days(DaysText {
            start: a.min(b).to_string(),
            end: a.max(b).to_string(),
        })),
        (arb_month(), arb_month()).prop_map(move |(a, b)| PeriodText::Months(MonthsText {
            from: month(a.min(b)),
            to: month(a.max(b)),
            every: EveryText::Month,
        })),
    ]
}

/// What `arb_period`'s texts mean, found by counting days.
fn meant(period: &PeriodText) -> Vec<Period> {
    let whole = |text: &str| -> Period {
        let first = day(&format!("{text}-01"));
        let last = first.iter_days().take_while(|d| d.month() == first.month()).last();
        Period::new(first, last.unwrap()).unwrap()
    };
    match period {
        PeriodText::Month(MonthText(text)) if text == "previous-month" => vec![whole("2026-10")],
        PeriodText::Month(MonthText(text)) => vec![whole(text)],
        PeriodText::Days(days) => vec![Period::new(day(&days.start), day(&days.end)).unwrap()],
        PeriodText::Months(months) => day(&format!("{}-01", months.from))
            .iter_days()
            .take_while(|d| d.format("%Y-%m").to_string() <= months.to)
            .filter(|d| d.day() == 1)
            .map(|d| whole(&d.format("%Y-%m").to_string()))
            .collect(),
    }
}

/// An id that needs quotes now and then; no two sub-partners share a label, since it is made from the id.
fn arb_sub_partner() -> impl Strategy<Value = SubPartnerText> {
    let id = "(true|007|1\\.0|~|null|[0-9]{1,3}|[!-~]{4,20})";
    prop_oneof![
        id.prop_map(|id| SubPartnerText::Id(IdText(id))),
        id.prop_map(|id| SubPartnerText::Named(NamedText {
            label: Some(format!("Ü: '{id}' #")),
            id: IdText(id),
        })),
        Just(SubPartnerText::File(FileText { file: "partners.csv".to_owned() })),
        proptest::sample::select(vec![Discover::Active, Discover::Suspended, Discover::All])
            .prop_map(|discover| SubPartnerText::Discover(DiscoverText { discover })),
    ]
}

fn listed(sub_partner: &SubPartnerText) -> Vec<(String, Option<String>)> {
    match sub_partner {
        SubPartnerText::Id(IdText(id)) => vec![(id.clone(), None)],
        SubPartnerText::Named(named) => vec![(named.id.0.clone(), named.label.clone())],
        SubPartnerText::File(_) => {
            vec![("b1".to_owned(), Some("Bolt".to_owned())), ("b2".to_owned(), None)]
        }
        SubPartnerText::Discover(DiscoverText { discover }) => {
            vec![(format!("{discover:?}"), None)]
        }
    }
}

fn arb_types() -> impl Strategy<Value = Option<Vec<ReportType>>> {
    proptest::option::of(proptest::sample::subsequence(ReportType::ALL.to_vec(), 1..=3))
}

fn arb_job() -> impl Strategy<Value = JobText> {
    (
        proptest::option::of(proptest::collection::vec(arb_sub_partner(), 1..4)),
        arb_types(),
        proptest::option::of(any::<bool>()),
        proptest::collection::vec(arb_period(), 1..4),
        proptest::option::of(proptest::collection::vec(arb_exclusion(), 1..3)),
    )
        .prop_map(|(sub_partners, types, internal, periods, exclude)| JobText {
            name: String::new(),
            // What the job lists first may be excluded from it.
            exclude: exclude.map(|mut exclusions| {
                let first =
                    sub_partners.iter().flatten().find_map(|sub_partner| match sub_partner {
                        SubPartnerText::Id(IdText(id)) => Some(id.clone()),
                        SubPartnerText::Named(named) => named.label.clone(),
                        SubPartnerText::File(_) => Some("Bolt".to_owned()),
                        SubPartnerText::Discover(_) => None,
                    });
                if let (Some(first), Some(exclusion)) = (first, exclusions.first_mut()) {
                    exclusion.sub_partner = Some(first);
                }
                exclusions
            }),
            sub_partners,
            types,
            internal,
            periods: Some(periods),
        })
}

prop_compose! {
    fn arb_exclusion()(
        report_type in proptest::sample::select(ReportType::ALL.to_vec()),
        period in proptest::option::of(arb_period()),
    ) -> ExclusionText {
        ExclusionText {
            sub_partner: None,
            report_type: Some(report_type),
            period: period.and_then(|period| match period {
                PeriodText::Month(month) => Some(ExcludedPeriodText::Month(month)),
                PeriodText::Days(days) => Some(ExcludedPeriodText::Days(days)),
                PeriodText::Months(_) => None,
            }),
        }
    }
}

prop_compose! {
    fn arb_manifest()(
        name in proptest::option::of("[a-z0-9]{1,4}( [#:'-]| ü)?"),
        mut jobs in proptest::collection::vec(arb_job(), 1..4),
    ) -> ManifestText {
        for (number, job) in jobs.iter_mut().enumerate() {
            job.name = format!("job {number}");
        }
        ManifestText {
            version: 1,
            name,
            defaults: Some(DefaultsText {
                types: Some(vec![ReportType::Partner]),
                periods: None,
                internal: None,
            }),
            jobs,
        }
    }
}
