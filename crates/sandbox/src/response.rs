use std::{io, time::Duration};

use axum::{
    body::{Body as HttpBody, Bytes},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures::{Stream, StreamExt as _, stream};

use crate::model::{Answer, Body};

const DROPS: u32 = 40;

pub(super) fn response(answer: &Answer) -> Response {
    let body = answer.body();
    let media_type = body.media_type.map(HeaderValue::from_static);
    let length = body.promised.map(HeaderValue::from);
    let mut response = Response::new(http_body(body, answer.trickles));
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
