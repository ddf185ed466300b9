use std::time::Duration;

use serde_json::Value;

use super::{
    fault::{Fault, announced},
    reply::{Content, Reply},
    visit::Decided,
};

pub(super) fn ending(fault: Option<&Fault>, reply: Option<Reply>) -> Decided {
    match (fault, reply) {
        (Some(Fault::Status { status, body, retry_after, location, .. }), _) => {
            let description = format!("A fault that the sandbox was given: {status}.");
            let mut error = Reply::error_as(*status, *body, &description)
                .with_wait(retry_after.clone(), wait(retry_after.as_deref()));
            error.location.clone_from(location);
            error.into()
        }
        (Some(Fault::Trickle { status, retry_after, over }), _) => Decided::Reply {
            reply: Reply::error(*status, "The rest of this takes its time.")
                .with_wait(retry_after.clone(), wait(retry_after.as_deref())),
            trickles: over.0,
        },
        (Some(Fault::Hang { .. }), _) => Decided::Silence,
        (Some(Fault::Reset { .. } | Fault::Rival { .. }), _) | (_, None) => Decided::Cut,
        (Some(fault), Some(reply)) if reply.is_success() => spoilt(fault, reply).into(),
        (_, Some(reply)) => reply.into(),
    }
}

fn wait(retry_after: Option<&str>) -> Option<Duration> {
    announced(retry_after?)
}

fn spoilt(fault: &Fault, mut reply: Reply) -> Reply {
    match (fault, reply.content) {
        (Fault::Html {}, _) => reply.content = Content::Page,
        (Fault::Empty {}, _) => reply.content = Content::Nothing,
        (Fault::NoId {}, Content::Json(mut value)) => {
            if let Some(object) = value.as_object_mut() {
                object.shift_remove("id");
            }
            reply.content = Content::Json(value);
        }
        (Fault::Truncated {}, Content::Json(value)) => reply.content = Content::CutShort(value),
        (Fault::Part {}, Content::Json(mut value)) => {
            let lists = value.as_object_mut().into_iter().flat_map(|o| o.values_mut());
            for items in lists.filter_map(Value::as_array_mut) {
                items.truncate(items.len() / 2);
            }
            reply.status = 206;
            reply.next = None;
            reply.content = Content::Json(value);
        }
        (Fault::Link { form }, content) => {
            reply.link_form = *form;
            reply.content = content;
        }
        (Fault::Wait { retry_after }, content) => {
            reply.content = content;
            let announced = announced(retry_after);
            return reply.with_wait(Some(retry_after.clone()), announced);
        }
        (_, content) => reply.content = content,
    }
    reply
}
