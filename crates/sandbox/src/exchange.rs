use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request as HttpRequest, State as AxumState},
    http::request::Parts,
    response::Response,
};
use tokio::sync::watch;

use super::{connection::Link, reading, record::Exchange, response::response, world::World};
use crate::model::{Answer, Ask, Chance, Ending, Reply, Step};

/// In bytes; a create has about two hundred.
const MAX_BODY: usize = 1 << 20;

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
        Ok(ask) => api.serve(ask).await,
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
    async fn serve(&mut self, ask: Ask) -> Ending {
        let world = Arc::clone(&self.world);
        let received = {
            let mut state = world.state();
            let now = world.clock.elapsed();
            let visit = state.server.receive(now, ask, Chance::Rules);
            state.write().map(|()| visit)
        };
        let mut visit = match received {
            Ok(visit) => visit,
            Err(error) => return not_written(&world, &error),
        };
        loop {
            let step = {
                let mut state = world.state();
                let step = state.server.next(world.clock.elapsed(), &mut visit);
                state.write().map(|()| step)
            };
            let wait = match step {
                Ok(Step::Wait(wait)) => wait,
                Ok(Step::End(ending)) => return ending,
                Err(error) => return not_written(&world, &error),
            };
            if tokio::time::timeout(wait, self.stopped()).await.is_ok() {
                return Ending::Cut;
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
        date: Some(world.clock.now()),
        tracking_id: "SANDBOX".to_owned(),
        link: None,
        trickles: Duration::ZERO,
    }))
}

fn not_written(world: &World, error: &std::io::Error) -> Ending {
    tracing::error!(%error, "the sandbox cannot write its state");
    plain(world, Reply::error(500, "The sandbox cannot write its state."))
}

fn note_arrival(world: &World, parts: &Parts, body: &Bytes, ask: Option<&Ask>) -> Option<usize> {
    if !world.config.record {
        return None;
    }
    let mut state = world.state();
    state.exchanges.push(Exchange {
        at: world.clock.elapsed(),
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
        exchange.finished = Some(world.clock.elapsed());
        if let Ending::Answer(answer) = ending {
            exchange.status = Some(answer.reply.status);
            exchange.announced = answer.reply.announced;
        }
    }
}
