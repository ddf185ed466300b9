use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    ask::{Ask, Endpoint, ListAsk, What},
    config::{Duplicates, SandboxConfig},
    dice::{self, Dice},
    download,
    fault::{Fault, Faults},
    list,
    reply::{Answer, Content, Ending, Reply},
    report::{Category, Origin, OtherReport, Person, Record, StoredReport},
    store::Store,
    sub_partners,
    throttle::Throttle,
    token::Tokens,
    view::View,
    visit::{self, Chance, Decided, Stage, Step, Visit},
};
use request::{ReportId, ReportStatus, Request};

/// The longest way of an answer from the server to its client.
const TIME_TO_READ: Duration = Duration::from_millis(50);

/// A server. Each `now` is the time since it started, and never goes back.
#[derive(Debug)]
pub struct Server {
    pub(super) config: SandboxConfig,
    pub(super) dice: Dice,
    started_at: DateTime<Utc>,
    files_origin: String,
    pub(super) store: Store,
    pub(super) tokens: Tokens,
    throttle: Throttle,
    pub(super) faults: Faults,
    arrived: u64,
    pub(super) at_work: Vec<Work>,
    pub(super) file_tries: HashMap<String, u64>,
    /// Results of creates that a client waits for, by the number of the visit.
    done: HashMap<u64, Reply>,
    /// Reports that creates were answered with, and when: a proxy may repeat such an answer.
    told: Vec<(Duration, String)>,
    cached: HashMap<String, (Duration, Reply)>,
    pub(super) conflicts: HashSet<Request>,
    pub(super) records: Vec<Record>,
}

#[derive(Debug)]
pub(super) struct Work {
    number: u64,
    request: Request,
    by: Person,
    pub(super) at: Duration,
    pub(super) awaited: bool,
}

impl Server {
    /// A server that starts at `started_at` by its own clock, and whose downloads are at `files_origin`.
    pub fn new(config: SandboxConfig, started_at: DateTime<Utc>, files_origin: String) -> Self {
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
            file_tries: HashMap::new(),
            done: HashMap::new(),
            told: Vec::new(),
            cached: HashMap::new(),
            conflicts: HashSet::new(),
            records: Vec::new(),
            config,
        }
    }

    /// The bearer token that is valid now.
    pub fn token(&self) -> &str {
        &self.tokens.access
    }

    /// The clock that stamps `created`.
    pub fn clock(&self, now: Duration) -> DateTime<Utc> {
        self.started_at + now
    }

    /// A request arrives; [`Server::next`] goes on. If the client leaves, it takes effect all the same.
    pub fn receive(&mut self, now: Duration, ask: Ask, chance: Chance) -> Visit {
        self.advance(now);
        self.arrived += 1;
        let number = self.arrived;
        let (fault, stage, admitted) = match self.admit(now, number, &ask, chance) {
            Err(reply) => {
                let ending = Decided::Reply(*reply);
                (None, Stage::Leaving { until: now, ending }, false)
            }
            Ok(fault) => {
                let mut until = now + self.latency(number) / 2;
                if let What::Create(request) = &ask.what {
                    until += dice::up_to(self.config.latency.work.0, self.dice, "work", number);
                    let effect = fault.as_ref().map_or(Some(Duration::ZERO), Fault::effect);
                    if let Some(late) = effect {
                        self.at_work.push(Work {
                            number,
                            request: request.clone(),
                            by: self.tokens.person(&self.config.token),
                            at: until + late,
                            awaited: late.is_zero(),
                        });
                    }
                }
                (fault, Stage::Working { until }, true)
            }
        };
        Visit { number, ask, fault, stage, admitted }
    }

    /// The next step of the exchange: a wait, after which this is called again, or its end.
    pub fn next(&mut self, now: Duration, visit: &mut Visit) -> Step {
        if let Stage::Working { until } = visit.stage {
            if now < until {
                return Step::Wait(until - now);
            }
            self.advance(now);
            let reply = self.carry_out(now, visit);
            let ending = visit::ending(visit.fault.as_ref(), reply);
            let mut leaves_at = now + self.latency(visit.number) / 2;
            if let Some(Fault::Slow { delay }) = visit.fault {
                leaves_at += delay.0;
            }
            visit.stage = Stage::Leaving { until: leaves_at, ending };
        }
        match &mut visit.stage {
            Stage::Leaving { until, .. } if now < *until => Step::Wait(*until - now),
            Stage::Leaving { ending, .. } => {
                let ending = std::mem::replace(ending, Decided::Cut);
                if let (What::Create(_), Decided::Reply(reply)) = (&visit.ask.what, &ending)
                    && let Content::Json(body) = &reply.content
                    && let Some(id) = body["id"].as_str()
                {
                    self.told.push((now, id.to_owned()));
                }
                Step::End(self.ends(now, visit, ending))
            }
            Stage::Working { .. } => Step::Wait(Duration::ZERO),
        }
    }

    pub(super) fn advance(&mut self, now: Duration) {
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
                let (header, announced) = form.notice(wait, date.unwrap_or(self.clock(now)));
                if let Some(announced) = announced {
                    self.throttle.announce(endpoint, now + announced);
                }
                let words = "Too many requests have been sent; try again later.";
                let reply = Reply::error(429, words).with_wait(header, announced);
                return Err(Box::new(reply));
            }
        }
        let fault = match chance {
            Chance::Drawn(fault) => fault,
            Chance::Rules if self.faults.any() => {
                let key = ask.key();
                self.records.push(Record::Tried { endpoint, key: key.clone() });
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

    fn carry_out(&mut self, now: Duration, visit: &Visit) -> Option<Reply> {
        let fault = visit.fault.as_ref();
        if let What::Create(request) = &visit.ask.what {
            if let Some(Fault::Rival { by, category, org, .. }) = fault {
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
        if fault.is_some_and(|fault| fault.effect().is_none()) {
            return None;
        }
        Some(match &visit.ask.what {
            What::Create(_) => return None, // above
            What::List(list) => self.list(now, visit, list),
            What::Get(id) => self.get(self.view(self.clock(now), visit.number), id),
            What::Delete(id) => {
                if self.delete(id) {
                    Reply { status: 204, ..Reply::default() }
                } else {
                    no_such_report()
                }
            }
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

    pub(super) fn view(&self, now: DateTime<Utc>, number: u64) -> View<'_> {
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
            let origin = view.config.download_origin.as_ref();
            let url = format!("{}{path}", origin.unwrap_or(&self.files_origin));
            body.insert("tempDownloadURL".to_owned(), json!(url));
        }
        Reply::json(200, Value::Object(body))
    }

    fn create(&mut self, work: &Work) -> Reply {
        let request = &work.request;
        let now = self.clock(work.at);
        if let Some(refusal) = self.refusal(request, now) {
            return refusal;
        }
        let config = &self.config.reports;
        if config.duplicates == Duplicates::Conflict && self.store.same(request).next().is_some() {
            self.conflicts.insert(request.clone());
            return Reply::error(409, "A report with the same parameters exists already.");
        }
        let status = self
            .dice
            .pick("accepted", "", self.store.next_number(), &config.accepted_with)
            .copied()
            .unwrap_or(200);
        let report = StoredReport { by: work.by, ..self.next_report(request.clone(), now) };
        let body = self.view(now, work.number).new_report(&report);
        self.add(report);
        Reply::json(status, Value::Object(body))
    }

    /// The id depends on the time, too: two servers of one seed that start at different times never share an id.
    pub(super) fn next_report(&self, request: Request, made: DateTime<Utc>) -> StoredReport {
        let number = self.store.next_number();
        let address = format!(
            "{}BILLING_REPORT/{}",
            ReportId::SANDBOX_PREFIX,
            self.dice.uuid("report", &made.to_rfc3339(), number)
        );
        let enough = self.config.contents.restated_after.0;
        let age = |report: &StoredReport| (made - report.made).to_std();
        let same = self.store.same(&request);
        let restated = same.filter(|it| age(it).is_ok_and(|age| age >= enough)).count();
        StoredReport {
            number,
            restated,
            id: BASE64_URL_SAFE_NO_PAD.encode(address),
            request,
            made,
            listed_from: made + self.list_lag(number),
            category: Category::Reconciliation,
            by: Person::Us,
            origin: Origin::Create,
        }
    }

    pub(super) fn list_lag(&self, number: u64) -> Duration {
        let config = &self.config.reports;
        config.list_lag.0 + dice::up_to(config.list_lag_jitter.0, self.dice, "list lag", number)
    }

    pub(super) fn add(&mut self, report: StoredReport) {
        self.records.push(Record::Made(report.clone()));
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

    fn earlier_answer(&self, now: Duration, number: u64) -> Option<Reply> {
        let read = |(at, _): &&(Duration, String)| *at + TIME_TO_READ <= now;
        let earlier: Vec<&(Duration, String)> = self.told.iter().filter(read).collect();
        let (_, id) = self.dice.pick("repeat", "", number, &earlier)?;
        let view = self.view(self.clock(now), number);
        let report = self.store.get(id)?;
        Some(Reply::json(200, Value::Object(view.new_report(report))))
    }

    fn ends(&self, now: Duration, visit: &Visit, ending: Decided) -> Ending {
        let number = visit.number;
        match ending {
            Decided::Cut => Ending::Cut,
            Decided::Silence => Ending::Silence,
            Decided::Reply(reply) => Ending::Answer(Box::new(Answer {
                date: self.date(now, number, reply.status),
                tracking_id: format!("SANDBOX_{number:08}"),
                link: reply.next.as_ref().map(|place| {
                    let first = number.is_multiple_of(2).then(|| visit.ask.page_url(None));
                    reply.link_form.write(first.as_deref(), &visit.ask.page_url(Some(place)))
                }),
                reply,
            })),
        }
    }
}

fn no_valid_token() -> Reply {
    Reply::error(401, "The request requires a valid access token.")
}

fn no_such_report() -> Reply {
    Reply::error(404, "There is no such billing report.")
}
