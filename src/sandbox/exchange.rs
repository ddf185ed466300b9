//! The way of one request through the sandbox: token, rate limit, fault, effect, answer.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request as HttpRequest, State as AxumState},
    http::{header, request::Parts},
    response::Response,
};
use tokio::sync::watch;

use super::{
    Endpoint, Exchange, Fault,
    call::Call,
    connection::Link,
    reply::{Content, Reply},
    routes,
    world::World,
};

/// The largest body that is read; a create has about two hundred bytes.
const MAX_BODY: usize = 1 << 20;

/// What each handler of the API has.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) world: Arc<World>,
    /// Turns true when the sandbox stops: whoever waits is cut off.
    pub(super) stopping: watch::Receiver<bool>,
}

/// What becomes of a request.
enum Ending {
    Answer(Reply),
    Reset,
}

/// A refusal before anything was done, with the wait that it announces.
struct Refused {
    reply: Reply,
    announced: Option<Duration>,
}

impl From<Reply> for Box<Refused> {
    fn from(reply: Reply) -> Self {
        Box::new(Refused {
            reply,
            announced: None,
        })
    }
}

/// Answers one request to the API.
pub(super) async fn handle(
    AxumState(mut api): AxumState<Api>,
    ConnectInfo(link): ConnectInfo<Link>,
    request: HttpRequest,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await;
    let world = Arc::clone(&api.world);
    let call = match &body {
        Ok(body) => Call::read(&parts, body),
        Err(_) => Err(Reply::error(413, "The body is too large or broken.")),
    };
    let (number, slot) = note_arrival(
        &world,
        &parts,
        &body.unwrap_or_default(),
        call.as_ref().ok(),
    );

    let mut announced = None;
    let ending = match call {
        Err(reply) => Ending::Answer(reply),
        Ok(call) => match admit(&world, &call) {
            Err(refused) => {
                announced = refused.announced;
                Ending::Answer(refused.reply)
            }
            Ok(fault) => {
                let fault = fault.as_ref();
                announced = fault.and_then(announced_by);
                let half = latency(&world, number) / 2;
                api.wait(half).await;
                let ending = api.carry_out(&call, fault).await;
                api.wait(half).await;
                describe_budget(&world, call.endpoint, ending)
            }
        },
    };

    let status = match &ending {
        Ending::Answer(reply) => Some(reply.status.as_u16()),
        Ending::Reset => None,
    };
    note_ending(&world, slot, status, announced);
    match ending {
        Ending::Answer(reply) => {
            let tracking_id = format!("SANDBOX_{number:08}");
            reply.into_response(&tracking_id, world.clock.now())
        }
        Ending::Reset => {
            link.reset();
            Response::new(Body::empty())
        }
    }
}

impl Api {
    /// Waits so long, or until the sandbox stops.
    async fn wait(&mut self, time: Duration) {
        if !time.is_zero() {
            let _ = tokio::time::timeout(time, self.stopped()).await;
        }
    }

    async fn stopped(&mut self) {
        // An error means that the sandbox is gone, which is as good.
        let _ = self.stopping.wait_for(|stopping| *stopping).await;
    }

    /// Does what was asked for, unless the fault prevents it, and spoils the answer as it says.
    async fn carry_out(&mut self, call: &Call, fault: Option<&Fault>) -> Ending {
        let world = Arc::clone(&self.world);
        let process = || routes::answer(&world, &mut world.state(), call);
        let process_if = |processed: bool| {
            if processed {
                process();
            }
        };
        match fault {
            None => Ending::Answer(process()),
            Some(Fault::Status {
                status,
                body,
                retry_after,
                location,
                processed,
            }) => {
                process_if(*processed);
                let description = format!("The sandbox was told to answer {status}.");
                let mut reply = Reply::error_as(*status, *body, &description);
                for (name, value) in [
                    (header::RETRY_AFTER, retry_after),
                    (header::LOCATION, location),
                ] {
                    if let Some(value) = value {
                        reply = reply.with_header(name, value);
                    }
                }
                Ending::Answer(reply)
            }
            Some(Fault::Reset { processed }) => {
                process_if(*processed);
                Ending::Reset
            }
            Some(Fault::Hang { processed }) => {
                process_if(*processed);
                self.stopped().await;
                Ending::Reset
            }
            Some(Fault::Slow { delay }) => {
                let reply = process();
                self.wait(delay.0).await;
                Ending::Answer(reply)
            }
            Some(Fault::Html {}) => spoil(process(), |_| Content::Page),
            Some(Fault::Empty {}) => spoil(process(), |_| Content::Nothing),
            Some(Fault::NoId {}) => spoil(process(), without_id),
            Some(Fault::Truncated {}) => spoil(process(), cut_short),
        }
    }
}

/// Changes what a good answer says; an error stays as it is.
fn spoil(mut reply: Reply, how: impl FnOnce(Content) -> Content) -> Ending {
    if reply.is_success() {
        reply.content = how(reply.content);
    }
    Ending::Answer(reply)
}

fn without_id(content: Content) -> Content {
    match content {
        Content::Json(mut value) => {
            if let Some(object) = value.as_object_mut() {
                object.shift_remove("id");
            }
            Content::Json(value)
        }
        other => other,
    }
}

fn cut_short(content: Content) -> Content {
    match content {
        Content::Json(value) => Content::CutShort(value),
        other => other,
    }
}

/// Lets a request in, and says what will go wrong with it. A renewal needs neither token nor budget.
fn admit(world: &World, call: &Call) -> Result<Option<Fault>, Box<Refused>> {
    let mut state = world.state();
    if call.endpoint != Endpoint::Token {
        let expires_after = world.config.token.expires_after;
        if !state.tokens.admits(call.token.as_deref(), expires_after) {
            return Err(Reply::error(401, "The request requires a valid access token.").into());
        }
        let now = world.clock.elapsed();
        if let Err(wait) = state.throttle.admit(call.endpoint, now) {
            let form = world.config.rate_limit.retry_after;
            let notice = form.notice(wait, world.clock.now());
            let mut reply = Reply::error(429, "Too many requests have been sent; try again later.")
                .with_headers(state.throttle.budget_headers(call.endpoint, now));
            if let Some(value) = &notice.header {
                reply = reply.with_header(header::RETRY_AFTER, value);
            }
            if let Some(announced) = notice.announced {
                state.throttle.announce(call.endpoint, now + announced);
            }
            return Err(Box::new(Refused {
                reply,
                announced: notice.announced,
            }));
        }
    }
    state
        .fault(call)
        .map_err(|error| not_written(&error).into())
}

/// The answer when the state file cannot be written: nothing happened.
pub(super) fn not_written(error: &std::io::Error) -> Reply {
    tracing::error!(%error, "the sandbox cannot write its state");
    Reply::error(500, "The sandbox cannot write its state.")
}

/// Tells on a processed request's answer what is left of the budget.
fn describe_budget(world: &World, endpoint: Endpoint, ending: Ending) -> Ending {
    match ending {
        Ending::Answer(reply) if endpoint != Endpoint::Token => {
            let now = world.clock.elapsed();
            let headers = world.state().throttle.budget_headers(endpoint, now);
            Ending::Answer(reply.with_headers(headers))
        }
        other => other,
    }
}

/// The wait that a fault announces in seconds.
fn announced_by(fault: &Fault) -> Option<Duration> {
    match fault {
        Fault::Status { retry_after, .. } => {
            let seconds = retry_after.as_deref()?.parse().ok()?;
            Duration::try_from_secs_f64(seconds).ok()
        }
        _ => None,
    }
}

fn latency(world: &World, number: u64) -> Duration {
    let config = &world.config.latency;
    if config.jitter.0.is_zero() {
        return config.fixed.0;
    }
    let share = world.dice.share("latency", "", number);
    config.fixed.0 + config.jitter.0.mul_f64(share)
}

/// Counts the request; gives its number and, where exchanges are recorded, its place among them.
fn note_arrival(
    world: &World,
    parts: &Parts,
    body: &Bytes,
    call: Option<&Call>,
) -> (u64, Option<usize>) {
    let mut state = world.state();
    let number = state.arrive();
    if !world.config.record {
        return (number, None);
    }
    state.exchanges.push(Exchange {
        at: world.clock.elapsed(),
        finished: None,
        endpoint: call.map(|call| call.endpoint),
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        body: String::from_utf8_lossy(body).into_owned(),
        token: call.and_then(|call| call.token.clone()),
        status: None,
        announced: None,
    });
    (number, Some(state.exchanges.len() - 1))
}

fn note_ending(
    world: &World,
    slot: Option<usize>,
    status: Option<u16>,
    announced: Option<Duration>,
) {
    let Some(slot) = slot else { return };
    if let Some(exchange) = world.state().exchanges.get_mut(slot) {
        exchange.finished = Some(world.clock.elapsed());
        exchange.status = status;
        exchange.announced = announced;
    }
}
