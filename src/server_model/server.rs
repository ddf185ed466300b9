//! The server: what it knows, and the way of one request through it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chrono::{DateTime, Months, NaiveDate, Utc};
use serde_json::{Value, json};

use super::{
    ask::{Ask, ListAsk, ReportStatus, What},
    config::{Duplicates, RefusalStatus, ServerConfig},
    dice::Dice,
    download::{self, Claim},
    endpoint::Endpoint,
    fault::{Effect, Fault, Faults},
    list, org,
    record::Record,
    reply::{Answer, Ending, Reply},
    report::{Category, Origin, OtherReport, Person, StoredReport},
    spoil,
    store::Store,
    sub_partners,
    throttle::Throttle,
    token::Tokens,
    view::View,
    visit::{Chance, Decided, Stage, Step, Visit},
};
use crate::request::{Period, ReportId, Request};

/// A server. Each `now` is the time since it started, and never goes back.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    dice: Dice,
    /// By the clock that stamps `created`.
    started_at: DateTime<Utc>,
    /// `http://host:port` of the downloads.
    files_origin: String,
    store: Store,
    tokens: Tokens,
    throttle: Throttle,
    faults: Faults,
    arrived: u64,
    /// Creates whose effect is still to come.
    at_work: Vec<Work>,
    /// What creates came to that somebody waits for, by the number of their arrival.
    done: HashMap<u64, Reply>,
    /// What a cache has of lists, and since when.
    cached: HashMap<String, (Duration, Reply)>,
    conflicts: HashSet<Request>,
    records: Vec<Record>,
}

/// A create that takes effect at a certain time, whether its client still waits or not.
#[derive(Debug)]
struct Work {
    number: u64,
    request: Request,
    at: Duration,
    awaited: bool,
}

impl Server {
    /// A server that starts at `started_at` by its own clock and sends downloads to `files_origin`.
    pub fn new(config: ServerConfig, started_at: DateTime<Utc>, files_origin: String) -> Self {
        let dice = Dice::new(config.seed);
        Server {
            dice,
            started_at,
            files_origin,
            store: Store::default(),
            tokens: Tokens::new(),
            throttle: Throttle::new(config.rate_limit.clone()),
            faults: Faults::new(config.faults.clone(), dice),
            arrived: 0,
            at_work: Vec::new(),
            done: HashMap::new(),
            cached: HashMap::new(),
            conflicts: HashSet::new(),
            records: Vec::new(),
            config,
        }
    }

    /// What it is like.
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// The bearer token that is valid now.
    pub fn token(&self) -> &str {
        &self.tokens.access
    }

    /// The clock that stamps `created`.
    pub fn clock(&self, now: Duration) -> DateTime<Utc> {
        self.started_at + now
    }

    /// A request arrives. Its exchange then goes on with [`Server::next`]; where its client leaves, what it set going
    /// takes place all the same.
    pub fn receive(&mut self, now: Duration, ask: Ask, chance: Chance) -> Visit {
        self.advance(now);
        self.arrived += 1;
        let number = self.arrived;
        let (fault, stage, admitted) = match self.admit(now, number, &ask, chance) {
            Err(reply) => {
                let ending = Decided::from(*reply);
                (None, Stage::Leaving { until: now, ending }, false)
            }
            Ok(fault) => {
                let mut until = now + self.latency(number) / 2;
                if let What::Create(request) = &ask.what {
                    let share = self.dice.share("work", "", number);
                    until += self.config.latency.work.0.mul_f64(share);
                    let effect = fault
                        .as_ref()
                        .map_or(Effect::After(Duration::ZERO), Fault::effect);
                    if let Effect::After(late) = effect {
                        self.at_work.push(Work {
                            number,
                            request: request.clone(),
                            at: until + late,
                            awaited: late.is_zero(),
                        });
                    }
                }
                (fault, Stage::Working { until }, true)
            }
        };
        Visit {
            number,
            ask,
            fault,
            stage,
            admitted,
        }
    }

    /// What comes next in the exchange: a wait, after which this is to be called again, or its end.
    pub fn next(&mut self, now: Duration, visit: &mut Visit) -> Step {
        if let Stage::Working { until } = visit.stage {
            if now < until {
                return Step::Wait(until - now);
            }
            self.advance(now);
            let reply = self.carry_out(now, visit);
            let ending = spoil::ending(visit.fault.as_ref(), reply);
            let mut until = now + self.latency(visit.number) / 2;
            if let Some(Fault::Slow { delay }) = visit.fault {
                until += delay.0;
            }
            visit.stage = Stage::Leaving { until, ending };
        }
        match &mut visit.stage {
            Stage::Leaving { until, .. } if now < *until => Step::Wait(*until - now),
            Stage::Leaving { ending, .. } => {
                let ending = std::mem::replace(ending, Decided::Cut);
                Step::End(self.ends(now, visit.number, ending))
            }
            Stage::Working { .. } => Step::Wait(Duration::ZERO),
        }
    }

    /// Does what was due since anyone looked.
    fn advance(&mut self, now: Duration) {
        loop {
            let due = self.at_work.iter().enumerate().filter(|(_, w)| w.at <= now);
            let Some((place, _)) = due.min_by_key(|(_, work)| (work.at, work.number)) else {
                return;
            };
            let work = self.at_work.swap_remove(place);
            let reply = self.create(&work);
            if work.awaited {
                self.done.insert(work.number, reply);
            }
        }
    }

    /// Lets a request in, and says what will go wrong with it. A renewal needs neither token nor budget.
    fn admit(
        &mut self,
        now: Duration,
        number: u64,
        ask: &Ask,
        chance: Chance,
    ) -> Result<Option<Fault>, Box<Reply>> {
        let endpoint = ask.endpoint();
        let expires_after = self.config.token.expires_after;
        if endpoint != Endpoint::Token {
            if !self.tokens.admits(ask.token.as_deref(), expires_after) {
                return Err(Box::new(no_valid_token()));
            }
            if let Err(wait) = self.throttle.admit(endpoint, now) {
                let date = self.date(now, number, 429);
                let form = self.config.rate_limit.retry_after;
                let notice = form.notice(wait, date.unwrap_or(self.clock(now)));
                if let Some(announced) = notice.announced {
                    self.throttle.announce(endpoint, now + announced);
                }
                let words = "Too many requests have been sent; try again later.";
                let reply = Reply::error(429, words).with_wait(notice.header, notice.announced);
                return Err(Box::new(reply));
            }
        }
        let fault = match chance {
            Chance::Drawn(fault) => fault,
            Chance::Rules if self.faults.any() => {
                let key = ask.key();
                self.records.push(Record::Tried {
                    endpoint,
                    key: key.clone(),
                });
                let tries = self.faults.count_try(endpoint, key);
                self.faults.choose(now, ask, tries)
            }
            Chance::Rules => None,
        };
        if fault == Some(Fault::EndToken {}) && endpoint != Endpoint::Token {
            self.tokens.end();
            return Err(Box::new(no_valid_token()));
        }
        Ok(fault)
    }

    /// Does what was asked for, unless the fault prevents it; `None` where it has not been done.
    fn carry_out(&mut self, now: Duration, visit: &Visit) -> Option<Reply> {
        let fault = visit.fault.as_ref();
        if let What::Create(request) = &visit.ask.what {
            if let Some(Fault::Rival {
                by, category, org, ..
            }) = fault
            {
                let mut request = request.clone();
                if let Some(org) = org {
                    request.sub_partner = org.parse().ok();
                }
                self.put(OtherReport {
                    request,
                    made: self.clock(now),
                    listed_at_once: false,
                    category: *category,
                    by: *by,
                });
            }
            let reply = self.done.remove(&visit.number);
            return match fault {
                Some(Fault::Repeat { .. }) => self.earlier_answer(now, visit.number).or(reply),
                _ => reply,
            };
        }
        if fault.is_some_and(|fault| fault.effect() == Effect::None) {
            return None;
        }
        Some(match &visit.ask.what {
            What::Create(_) => return None, // above
            What::List(list) => self.list(now, visit, list),
            What::Get(id) => self.get(self.view(self.clock(now), visit.number), id),
            What::Delete(id) => match self.delete(id) {
                true => Reply::nothing(204),
                false => no_such_report(),
            },
            What::SubPartners(ask) => sub_partners::page(&self.config.sub_partners, ask),
            What::Renew(form) => {
                let reply = (self.tokens).renew(form, self.config.token.rotate_refresh);
                if reply.is_success() {
                    self.records.push(Record::Renewed {
                        access_token: self.tokens.access.clone(),
                        refresh_token: self.tokens.refresh.clone(),
                        renewals: self.tokens.renewals,
                    });
                }
                reply
            }
            What::Unreadable(_, reply) => reply.clone(),
        })
    }

    fn view(&self, now: DateTime<Utc>, number: u64) -> View<'_> {
        View::new(&self.config.reports, self.dice, now, number)
    }

    fn list(&mut self, now: Duration, visit: &Visit, list: &ListAsk) -> Reply {
        let stale_for = self.config.reports.stale_for.0;
        let key = visit.ask.key();
        if !visit.ask.no_cache
            && let Some((since, reply)) = self.cached.get(&key)
            && now < *since + stale_for
        {
            return reply.clone();
        }
        let view = self.view(self.clock(now), visit.number);
        let (reply, ids) = list::page(&self.store, view, list);
        if !stale_for.is_zero() && reply.is_success() {
            self.cached.insert(key, (now, reply.clone()));
        }
        if visit.fault == Some(Fault::Delete {}) {
            self.delete_anothers(&ids);
        }
        reply
    }

    fn get(&self, view: View<'_>, id: &str) -> Reply {
        let Some(report) = self.store.get(id).filter(|report| view.finds(report)) else {
            return no_such_report();
        };
        let mut body = view.single(report);
        if view.status(report) == ReportStatus::Completed {
            let good_for = view.config.download_expires_after;
            let path = download::signed_path(self.dice, report, view.now, good_for);
            let url = format!("{}{path}", self.files_origin);
            body.insert("tempDownloadURL".to_owned(), json!(url));
        }
        Reply::json(200, Value::Object(body))
    }

    /// Makes a report, or says why not.
    fn create(&mut self, work: &Work) -> Reply {
        let request = &work.request;
        let now = self.clock(work.at);
        let config = &self.config.reports;
        if config.check_calendar
            && let Some(refusal) = against_the_calendar(request.period, now.date_naive())
        {
            return Reply::error(400, refusal);
        }
        if let Some(org) = &request.sub_partner
            && let Some(refusal) = self.refusal(org.as_str())
        {
            return Reply::error(refusal.code(), "This sub-partner refuses billing reports.");
        }
        if config.duplicates == Duplicates::Conflict && self.store.has(request) {
            self.conflicts.insert(request.clone());
            return Reply::error(409, "A report with the same parameters exists already.");
        }
        let status = self
            .dice
            .pick(
                "accepted",
                "",
                self.store.next_number(),
                &config.accepted_with,
            )
            .copied()
            .unwrap_or(200);
        let report = self.next_report(request.clone(), now);
        let body = self.view(now, work.number).new_report(&report);
        self.add(report);
        Reply::json(status, Value::Object(body))
    }

    /// How the sub-partner `org` refuses everything, if it does.
    fn refusal(&self, org: &str) -> Option<RefusalStatus> {
        if self.config.mended {
            return None;
        }
        let mut configured = self.config.refuse.iter();
        let configured = configured.find(|(text, _)| org::contains(org, text));
        configured.map(|(_, status)| *status).or_else(|| {
            RefusalStatus::ALL
                .into_iter()
                .find(|status| org::contains(org, &format!("refused-{}", status.code())))
        })
    }

    /// The report that a create would make now; its id follows from the seed and its number alone.
    fn next_report(&self, request: Request, made: DateTime<Utc>) -> StoredReport {
        let number = self.store.next_number();
        let address = format!(
            "{}BILLING_REPORT/{}",
            ReportId::SANDBOX_PREFIX,
            self.dice.uuid("report", number)
        );
        StoredReport {
            number,
            id: BASE64_URL_SAFE_NO_PAD.encode(address),
            request,
            made,
            listed_from: made + self.list_lag(number),
            category: Category::Reconciliation,
            by: Person::Us,
            origin: Origin::Create,
        }
    }

    fn list_lag(&self, number: u64) -> Duration {
        let config = &self.config.reports;
        if config.list_lag_jitter.0.is_zero() {
            return config.list_lag.0;
        }
        let share = self.dice.share("list lag", "", number);
        config.list_lag.0 + config.list_lag_jitter.0.mul_f64(share)
    }

    fn add(&mut self, report: StoredReport) {
        self.records.push(Record::Made((&report).into()));
        self.store.insert(report);
    }

    fn delete(&mut self, id: &str) -> bool {
        let deleted = self.store.remove(id).is_some();
        if deleted {
            self.records.push(Record::Deleted { id: id.to_owned() });
        }
        deleted
    }

    fn delete_anothers(&mut self, ids: &[String]) {
        let is_anothers = |id: &&String| {
            (self.store.get(id)).is_some_and(|report| report.origin == Origin::Elsewhere)
        };
        if let Some(id) = ids.iter().find(is_anothers) {
            self.delete(id);
        }
    }

    /// What an earlier create was answered.
    fn earlier_answer(&self, now: Duration, number: u64) -> Option<Reply> {
        let view = self.view(self.clock(now), number);
        let reports = self.store.iter().filter(|r| r.origin == Origin::Create);
        let reports: Vec<_> = reports.collect();
        let earlier = self.dice.pick("repeat", "", number, &reports)?;
        Some(Reply::json(200, Value::Object(view.new_report(earlier))))
    }

    fn latency(&self, number: u64) -> Duration {
        let config = &self.config.latency;
        if config.jitter.0.is_zero() {
            return config.fixed.0;
        }
        let share = self.dice.share("latency", "", number);
        config.fixed.0 + config.jitter.0.mul_f64(share)
    }

    /// `Date` of an answer that leaves now.
    fn date(&self, now: Duration, number: u64, status: u16) -> Option<DateTime<Utc>> {
        let clocks = &self.config.clocks;
        if clocks.dateless > 0.0 && self.dice.share("dateless", "", number) < clocks.dateless {
            return None;
        }
        let mut date = clocks.date_ahead.of(self.clock(now));
        if !clocks.date_jitter.0.is_zero() {
            let share = self.dice.share("date", "", number);
            date = date - clocks.date_jitter.0 + clocks.date_jitter.0.mul_f64(2.0 * share);
        }
        if status >= 500 {
            date = clocks.date_ahead_on_5xx.of(date);
        }
        Some(date)
    }

    fn ends(&self, now: Duration, number: u64, ending: Decided) -> Ending {
        match ending {
            Decided::Cut => Ending::Cut,
            Decided::Silence => Ending::Silence,
            Decided::Reply { reply, trickles } => Ending::Answer(Box::new(Answer {
                date: self.date(now, number, reply.status),
                tracking_id: format!("SANDBOX_{number:08}"),
                reply,
                trickles,
            })),
        }
    }
}

/// What others do, and what can be looked at.
impl Server {
    /// A report comes about otherwise than by a create.
    pub fn put(&mut self, other: OtherReport) {
        let mut report = self.next_report(other.request, other.made);
        if other.listed_at_once {
            report.listed_from = report.made;
        }
        self.add(StoredReport {
            category: other.category,
            by: other.by,
            origin: Origin::Elsewhere,
            ..report
        });
    }

    /// The client died: what it set going is done at `latest`, or not at all where `keep` says so.
    pub fn client_died(&mut self, now: Duration, latest: Duration, mut keep: impl FnMut() -> bool) {
        self.advance(now);
        self.at_work.retain_mut(|work| {
            work.at = work.at.min(latest);
            work.awaited = false;
            keep()
        });
    }

    /// The reports that exist at `now`, in the order of making.
    pub fn reports(&mut self, now: Duration) -> impl Iterator<Item = &StoredReport> {
        self.advance(now);
        self.store.iter()
    }

    /// Whether a create for this request was refused as a duplicate.
    pub fn had_conflict(&self, request: &Request) -> bool {
        self.conflicts.contains(request)
    }

    /// The file of a download that this claim has a right to.
    pub fn file(&self, now: Duration, claim: Claim<'_>) -> Option<String> {
        let report = self.store.get(claim.holds(self.dice, self.clock(now))?)?;
        Some(download::csv(self.dice, report))
    }

    /// What happened since this was last asked, in order.
    pub fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// Takes in what an earlier server of the same configuration has recorded.
    ///
    /// # Errors
    /// A record that cannot be.
    pub fn replay(
        &mut self,
        record: Record,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match record {
            Record::Made(made) => {
                let mut report = StoredReport::try_from(made)?;
                report.listed_from += self.list_lag(report.number);
                if report.number < self.store.next_number() {
                    return Err("a report out of order".into());
                }
                self.store.insert(report);
            }
            Record::Deleted { id } => {
                self.store.remove(&id);
            }
            Record::Renewed {
                access_token,
                refresh_token,
                renewals,
            } => self.tokens = Tokens::restored(access_token, refresh_token, renewals),
            Record::Tried { endpoint, key } => {
                self.faults.count_try(endpoint, key);
            }
        }
        Ok(())
    }
}

fn no_valid_token() -> Reply {
    Reply::error(401, "The request requires a valid access token.")
}

fn no_such_report() -> Reply {
    Reply::error(404, "There is no such billing report.")
}

/// The server's two rules: the end lies in the past, and the start at most five years back.
fn against_the_calendar(period: Period, today: NaiveDate) -> Option<&'static str> {
    if period.end() >= today {
        return Some("billingEndDate must be in the past.");
    }
    let earliest = today
        .checked_sub_months(Months::new(60))
        .unwrap_or(NaiveDate::MIN);
    (period.start() < earliest).then_some("billingStartDate must be within the last five years.")
}
