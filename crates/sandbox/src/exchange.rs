use std::{io, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request as HttpRequest, State as AxumState},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::watch;

use super::{connection::Link, reading, world::World};
use crate::model::{self, Answer, Ask, Chance, Ending, Endpoint, Reply, Step};

/// A slow body comes in so many pieces.
const DROPS: u32 = 40;
/// In bytes; a create has about two hundred.
const MAX_BODY: usize = 1 << 20;

/// A request to the API and its result. Times are measured from the sandbox's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// When it had arrived completely.
    pub at: Duration,
    /// When the answer, or the reset, was ready; `None` if the client left first or still waits.
    pub finished: Option<Duration>,
    /// The endpoint; `None` if the API does not have it.
    pub endpoint: Option<Endpoint>,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The body, as far as it is text.
    pub body: String,
    /// The bearer token.
    pub token: Option<String>,
    /// The answer's status; `None` if none was sent.
    pub status: Option<u16>,
    /// The wait that the answer announced in an understandable form, from `finished` on.
    pub announced: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(super) struct SandboxApi {
    pub(super) world: Arc<World>,
    pub(super) stopping: watch::Receiver<bool>,
}

pub(super) async fn handle(
    AxumState(mut api): AxumState<SandboxApi>,
    ConnectInfo(link): ConnectInfo<Link>,
    request: HttpRequest,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await;
    let world = Arc::clone(&api.world);
    let ask = match &body {
        Ok(body) => reading::ask(&parts, body, &world.api_origin),
        Err(_) => Err(Box::new(Reply::error(413, "The body is too large or broken."))),
    };
    let slot = note_arrival(&world, &parts, &body.unwrap_or_default(), ask.as_ref().ok());
    let ending = match ask {
        Err(reply) => plain(&world, *reply),
        Ok(ask) => api.serve(ask).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the sandbox cannot write its state");
            plain(&world, Reply::error(500, "The sandbox cannot write its state."))
        }),
    };
    if let Ending::Silence = &ending {
        api.stopped().await;
    }
    note_ending(&world, slot, &ending);
    if let Ending::Answer(answer) = ending {
        return response(&answer);
    }
    link.reset();
    Response::new(Body::empty())
}

impl SandboxApi {
    async fn serve(&mut self, ask: Ask) -> io::Result<Ending> {
        let world = Arc::clone(&self.world);
        let mut visit = world.step(|server, now| server.receive(now, ask, Chance::Rules))?;
        loop {
            let wait = match world.step(|server, now| server.next(now, &mut visit))? {
                Step::Wait(wait) => wait,
                Step::End(ending) => return Ok(ending),
            };
            if tokio::time::timeout(wait, self.stopped()).await.is_ok() {
                return Ok(Ending::Cut);
            }
        }
    }

    async fn stopped(&mut self) {
        // An error means that the sandbox is gone, which has the same effect.
        let _ = self.stopping.wait_for(|stopping| *stopping).await;
    }
}

fn plain(world: &World, reply: Reply) -> Ending {
    Ending::Answer(Box::new(Answer {
        reply,
        date: Some(world.state().server.clock(world.elapsed())),
        tracking_id: "SANDBOX".to_owned(),
        link: None,
    }))
}

fn note_arrival(world: &World, parts: &Parts, body: &Bytes, ask: Option<&Ask>) -> Option<usize> {
    if !world.config.record {
        return None;
    }
    let mut state = world.state();
    state.exchanges.push(Exchange {
        at: world.elapsed(),
        finished: None,
        endpoint: ask.map(Ask::endpoint),
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        body: String::from_utf8_lossy(body).into_owned(),
        token: ask.and_then(|ask| ask.token.clone()),
        status: None,
        announced: None,
    });
    Some(state.exchanges.len() - 1)
}

fn note_ending(world: &World, slot: Option<usize>, ending: &Ending) {
    let Some(slot) = slot else { return };
    if let Some(exchange) = world.state().exchanges.get_mut(slot) {
        exchange.finished = Some(world.elapsed());
        if let Ending::Answer(answer) = ending {
            exchange.status = Some(answer.reply.status);
            exchange.announced = answer.reply.announced;
        }
    }
}

fn response(answer: &Answer) -> Response {
    let body = answer.body();
    let media_type = body.media_type.map(HeaderValue::from_static);
    let length = body.promised.map(HeaderValue::from);
    let mut response = Response::new(http_body(body, answer.reply.trickles));
    *response.status_mut() =
        StatusCode::from_u16(answer.reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    // hyper adds its own date if there is none; readers ignore an empty one.
    headers.insert(header::DATE, HeaderValue::from_static(""));
    headers.extend(media_type.map(|value| (header::CONTENT_TYPE, value)));
    headers.extend(length.map(|value| (header::CONTENT_LENGTH, value)));
    for (name, value) in answer.headers() {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn http_body(body: model::Body, trickles: Duration) -> Body {
    let bytes = Bytes::from(body.bytes.into_owned());
    if !trickles.is_zero() {
        return Body::from_stream(in_drops(bytes, trickles));
    }
    if body.promised.is_some() {
        // Without a turn of the scheduler in between, the part is never sent.
        let end = stream::once(async {
            tokio::task::yield_now().await;
            Err(io::Error::from(io::ErrorKind::UnexpectedEof))
        });
        return Body::from_stream(stream::iter([Ok(bytes)]).chain(end));
    }
    if body.times == 1 {
        return Body::from(bytes);
    }
    let all = (0..body.times).map(move |_| Ok::<_, io::Error>(bytes.clone()));
    Body::from_stream(stream::iter(all))
}

fn in_drops(bytes: Bytes, over: Duration) -> impl Stream<Item = io::Result<Bytes>> {
    let drops = stream::iter(0..DROPS).then(move |_| async move {
        tokio::time::sleep(over / DROPS).await;
        Ok(Bytes::from_static(b" "))
    });
    drops.chain(stream::iter([Ok(bytes)]))
}
