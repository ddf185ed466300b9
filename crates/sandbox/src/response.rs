use std::{io, time::Duration};

use axum::{
    body::{Body as HttpBody, Bytes},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures::{Stream, StreamExt as _, stream};

use crate::model::{Answer, Body, http_date};

const DROPS: u32 = 40;

pub(super) fn response(answer: &Answer, link: Option<&[u8]>) -> Response {
    let body = answer.body();
    // hyper adds its own date if there is none; readers ignore an empty one.
    let date = answer.date.map(http_date).unwrap_or_default();
    let reply = &answer.reply;
    let texts = [
        (header::DATE, Some(date.as_str())),
        (HeaderName::from_static("trackingid"), Some(answer.tracking_id.as_str())),
        (header::RETRY_AFTER, reply.retry_after.as_deref()),
        (header::LOCATION, reply.location.as_deref()),
        (header::CONTENT_TYPE, body.media_type),
    ];
    let length = body.promised.map(|promised| promised.to_string());
    let mut response = Response::new(http_body(body, answer.trickles));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(link) = link.and_then(|link| HeaderValue::from_bytes(link).ok()) {
        headers.insert(header::LINK, link);
    }
    for (name, value) in texts.into_iter().chain([(header::CONTENT_LENGTH, length.as_deref())]) {
        if let Some(value) = value.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

fn http_body(body: Body, trickles: Duration) -> HttpBody {
    let bytes = Bytes::from(body.bytes.into_owned());
    if !trickles.is_zero() {
        return HttpBody::from_stream(in_drops(bytes, trickles));
    }
    if body.promised.is_some() {
        // Without a turn of the scheduler in between, the part is never sent.
        let end = stream::once(async {
            tokio::task::yield_now().await;
            Err(io::Error::from(io::ErrorKind::UnexpectedEof))
        });
        return HttpBody::from_stream(stream::iter([Ok(bytes)]).chain(end));
    }
    if body.times == 1 {
        return HttpBody::from(bytes);
    }
    let all = (0..body.times).map(move |_| Ok::<_, io::Error>(bytes.clone()));
    HttpBody::from_stream(stream::iter(all))
}

fn in_drops(bytes: Bytes, over: Duration) -> impl Stream<Item = io::Result<Bytes>> {
    let drops = stream::iter(0..DROPS).then(move |_| async move {
        tokio::time::sleep(over / DROPS).await;
        Ok(Bytes::from_static(b" "))
    });
    drops.chain(stream::iter([Ok(bytes)]))
}
