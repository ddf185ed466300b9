//! Waiting for the reports of simulated servers, in simulated time.

use tokio::time::{advance, sleep_until};

use super::*;

/// What a simulated server is like, and how it is asked.
#[derive(Clone, Copy)]
struct World {
    partners: usize,
    each: usize,
    /// A report is ready after so long.
    takes: Duration,
    /// Between two creates.
    apart: Duration,
    /// Whether the list without `subPartnerOrgId` has everyone's.
    is_wide: bool,
    /// How late reports are listed.
    lag: Duration,
}

#[derive(Debug, Default, PartialEq)]
struct Asked {
    lists: usize,
    gets: usize,
    took: Duration,
}

/// Waits for all reports of a world, in simulated time.
async fn wait_for_all(world: &World) -> Asked {
    let began = Instant::now();
    let count = world.partners * world.each;
    let made_at = |n: usize| began + world.apart * n as u32;
    let mut ledger = crate::ledger::Ledger::default();
    for n in 0..count {
        let request = request::Request {
            sub_partner: Some(format!("org{}", n % world.partners).parse().unwrap()),
            report_type: request::ReportType::User,
            period: request::Period::month(2000 + (n / world.partners) as i32, 1).unwrap(),
            internal: false,
        };
        ledger.fold(crate::ledger::Row::planned(request, "j".into(), None));
    }
    let id = |n: usize| -> ReportId { format!("id{n}").parse().unwrap() };
    let mut watch = Rounds::new(began);
    let places: Vec<RowIndex> = ledger.places().map(|(place, _)| place).collect();
    let numbers: HashMap<RowIndex, usize> = places.iter().copied().zip(0..).collect();
    let (mut asked, mut created) = (Asked::default(), 0);
    while created < count || !watch.is_empty() {
        let now = Instant::now();
        while created < count && made_at(created) <= now {
            let org = ledger.row(places[created]).request().sub_partner.clone();
            watch.add(places[created], id(created), org, (now - made_at(created), now));
            created += 1;
        }
        watch.set_apart((created < count).then_some(world.apart));
        for question in watch.round(now, false) {
            let org = question.query.sub_partner.as_ref();
            let org: Option<usize> = org.map(|org| org.as_str()[3..].parse().unwrap());
            let of_org = (org.unwrap_or(0)..created).step_by(org.map_or(1, |_| world.partners));
            let shown: Vec<Listed> = of_org
                .filter(|n| {
                    let age = made_at(*n).elapsed();
                    let is_listed = org.is_some() || world.is_wide;
                    is_listed && age < world.takes && age >= world.lag
                })
                .map(|n| Listed::bare(id(n)))
                .collect();
            asked.lists += shown.len().div_ceil(100).max(1);
            watch.answered(&question, Some(&shown), |_| None, Instant::now());
        }
        // Few at a time, as the concurrency says.
        for place in
            std::iter::from_fn(|| watch.next_ready(Instant::now())).take(16).collect::<Vec<_>>()
        {
            asked.gets += 1;
            advance(Duration::from_millis(10)).await;
            if made_at(numbers[&place]).elapsed() >= world.takes {
                watch.done(place, Instant::now())
            } else {
                watch.in_progress(place, None, Instant::now())
            }
        }
        let next = (created < count).then(|| made_at(created));
        if watch.ready.is_empty()
            && !watch.is_asking()
            && let Some(due) = watch.next_due().into_iter().chain(next).min()
        {
            sleep_until(due).await;
        }
    }
    asked.took = made_at(count - 1).elapsed();
    asked
}

const MINUTE: Duration = Duration::from_secs(60);

/// Three hundred reports that take a minute each, created at 300 a minute. Requests for each report, its create
/// included, and how much longer it takes than the last report itself.
#[tokio::test(start_paused = true)]
async fn few_questions_are_enough() {
    let ten_by_thirty = World {
        partners: 10,
        each: 30,
        takes: MINUTE,
        apart: Duration::from_millis(200),
        is_wide: false,
        lag: Duration::ZERO,
    };
    for (world, most, late) in [
        (World { is_wide: true, ..ten_by_thirty }, 2.2, 10),
        (World { ..ten_by_thirty }, 2.4, 10),
        (World { lag: Duration::from_secs(2), ..ten_by_thirty }, 2.4, 15),
        (World { partners: 300, each: 1, is_wide: true, ..ten_by_thirty }, 2.2, 10),
        // A list would answer for one report only: each is asked by its id.
        (World { partners: 300, each: 1, ..ten_by_thirty }, 3.5, 20),
    ] {
        let asked = wait_for_all(&world).await;
        let each = 1.0 + (asked.lists + asked.gets) as f64 / 300.0;
        println!(
            "{} x {}, wide {}: {each:.2} requests a report, {asked:?}",
            world.partners, world.each, world.is_wide
        );
        assert!(each <= most, "{each:.2} of {most}: {asked:?}");
        let late = Duration::from_secs(late);
        assert!(asked.took < MINUTE + late, "{asked:?}");
    }
}

/// Reports of yesterday: one list at most for each sub-partner, and one question for each report.
#[tokio::test(start_paused = true)]
async fn what_is_ready_is_not_waited_for() {
    let asked = wait_for_all(&World {
        partners: 5,
        each: 20,
        takes: Duration::ZERO,
        apart: Duration::ZERO,
        is_wide: false,
        lag: Duration::ZERO,
    })
    .await;
    assert_eq!((asked.lists, asked.gets), (6, 100));
    assert!(asked.took < Duration::from_secs(5), "{asked:?}");
}

/// Many rows cost no more each than few do. (If each were searched among all, this would take minutes.)
#[tokio::test(start_paused = true)]
async fn many_rows_are_no_search_among_all() {
    let asked = wait_for_all(&World {
        partners: 100,
        each: 300,
        takes: MINUTE,
        apart: Duration::from_millis(5),
        is_wide: false,
        lag: Duration::ZERO,
    })
    .await;
    assert!(asked.gets < 32_000, "{asked:?}");
}
