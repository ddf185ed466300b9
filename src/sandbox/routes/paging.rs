//! Pages, and the `Link` header that leads from one to the next (RFC 8288).

use axum::http::header;
use url::form_urlencoded;

use crate::sandbox::{
    call::{BASE_PATH, Call, Fields, field},
    reply::Reply,
    world::World,
};

/// The most that the API puts on a page.
const PAGE_CAP: usize = 100;

/// How many items the page has: `max`, within the configured and the API's own cap.
///
/// # Errors
/// The 400 for a `max` that is no number or zero.
pub(super) fn page_size(query: &Fields, configured: usize) -> Result<usize, Reply> {
    let cap = configured.clamp(1, PAGE_CAP);
    match field(query, "max") {
        None => Ok(cap),
        Some(text) => match text.parse::<usize>() {
            Ok(max) if max > 0 => Ok(max.min(cap)),
            _ => Err(Reply::error(400, "max must be a number from 1 to 100.")),
        },
    }
}

/// Adds the way to the next page: this query with `place` under the name `name`. By the seed, some answers
/// name other relations first.
pub(super) fn with_next(
    reply: Reply,
    world: &World,
    call: &Call,
    path: &str,
    query: &Fields,
    (name, place): (&str, &str),
) -> Reply {
    let origin = call.origin.as_deref().unwrap_or(&world.api_origin);
    let url = |place: Option<&str>| {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(query.iter().filter(|(key, _)| key != name));
        if let Some(place) = place {
            text.append_pair(name, place);
        }
        format!("{origin}{BASE_PATH}{path}?{}", text.finish())
    };
    let next = format!("<{}>; rel=\"next\"", url(Some(place)));
    let link = if world.dice.share("link", place, 0) < 0.5 {
        format!("<{}>; rel=\"first\", {next}", url(None))
    } else {
        next
    };
    reply.with_header(header::LINK, &link)
}
