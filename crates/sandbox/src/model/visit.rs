use std::time::Duration;

use serde_json::Value;

use super::{
    ask::Ask,
    fault::{Fault, announced},
    reply::{Content, Ending, Reply},
};

/// Who chooses the fault of a request.
#[derive(Debug, Clone)]
pub enum Chance {
    /// The rules of the configuration.
    Rules,
    /// The caller has drawn it.
    Drawn(Option<Fault>),
}

/// What comes next in an exchange.
#[derive(Debug, Clone)]
pub enum Step {
    /// A wait of this length.
    Wait(Duration),
    /// Its end.
    End(Ending),
}

/// An exchange between its arrival and its end.
#[derive(Debug)]
pub struct Visit {
    pub(super) number: u64,
    pub(super) ask: Ask,
    pub(super) fault: Option<Fault>,
    pub(super) stage: Stage,
    pub(super) admitted: bool,
}

#[derive(Debug)]
pub(super) enum Stage {
    Working { until: Duration },
    Leaving { until: Duration, ending: Decided },
}

#[derive(Debug)]
pub(super) enum Decided {
    Reply(Reply),
    Cut,
    Silence,
}

impl Visit {
    /// What was asked for.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Whether token and limit admitted it.
    pub fn is_admitted(&self) -> bool {
        self.admitted
    }
}

pub(super) fn ending(fault: Option<&Fault>, effect: Option<Reply>) -> Decided {
    let with_wait = |reply: Reply, retry_after: &Option<String>| {
        let announced = retry_after.as_deref().and_then(announced);
        reply.with_wait(retry_after.clone(), announced)
    };
    match (fault, effect) {
        (Some(Fault::Status { status, body, retry_after, location, .. }), _) => {
            let description = format!("A fault that the sandbox was given: {status}.");
            let reply = with_wait(Reply::error_as(*status, *body, &description), retry_after);
            Decided::Reply(Reply { location: location.clone(), ..reply })
        }
        (Some(Fault::Trickle { status, retry_after, over }), _) => {
            let reply = Reply::error(*status, "The rest of this takes its time.");
            Decided::Reply(Reply { trickles: over.0, ..with_wait(reply, retry_after) })
        }
        (Some(Fault::Hang { .. }), _) => Decided::Silence,
        (Some(Fault::Reset { .. } | Fault::Rival { .. }), _) | (_, None) => Decided::Cut,
        (Some(fault), Some(mut reply)) if reply.is_success() => {
            spoil(fault, &mut reply);
            Decided::Reply(reply)
        }
        (_, Some(reply)) => Decided::Reply(reply),
    }
}

fn spoil(fault: &Fault, reply: &mut Reply) {
    match (fault, &mut reply.content) {
        (Fault::Html {}, content) => *content = Content::Page,
        (Fault::Empty {}, content) => *content = Content::Nothing,
        (Fault::NoId {}, Content::Json(Value::Object(object))) => drop(object.shift_remove("id")),
        (Fault::Truncated {}, content) => {
            if let Content::Json(value) = content {
                *content = Content::CutShort(value.take());
            }
        }
        (Fault::Part {}, Content::Json(value)) => {
            let lists = value.as_object_mut().into_iter().flat_map(|o| o.values_mut());
            for items in lists.filter_map(Value::as_array_mut) {
                items.truncate(items.len() / 2);
            }
            (reply.status, reply.next) = (206, None);
        }
        (Fault::Link { form }, _) => reply.link_form = *form,
        (Fault::Wait { retry_after }, _) => {
            reply.announced = announced(retry_after);
            reply.retry_after = Some(retry_after.clone());
        }
        _ => {}
    }
}
