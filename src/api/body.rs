use std::time::Duration;

use async_compression::tokio::bufread::GzipDecoder;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use reqwest::{
    Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap},
};
use serde::de::IgnoredAny;
use tokio::io::AsyncReadExt as _;

use crate::text::without_cut_secret;

/// How a gzip member begins (RFC 1952, 2.3.1). No text does.
const GZIP: [u8; 2] = [0x1f, 0x8b];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResponseBody {
    /// `None` if it is not text.
    text: Option<String>,
    pub(super) end: BodyEnd,
}

impl ResponseBody {
    pub(super) fn new(bytes: &[u8], end: BodyEnd, headers: &HeaderMap) -> Self {
        let named = |name| headers.get(name)?.to_str().ok();
        // Unknown compression; but some proxies decompress and leave the header as it is.
        let is_packed = named(CONTENT_ENCODING).is_some_and(|name| !is_known(name));
        let readable = decoded(bytes, named(CONTENT_TYPE).and_then(charset))
            .filter(|text| !is_packed || text.starts_with(['{', '[', '<']));
        let text = match end {
            BodyEnd::Whole => readable,
            BodyEnd::TooLong | BodyEnd::Broken => readable.map(without_cut_secret),
        };
        ResponseBody { text, end }
    }

    /// Without a byte order mark and surrounding white space; `None` if it is not text.
    pub(super) fn text(&self) -> Option<&str> {
        let text = self.text.as_deref()?;
        Some(text.trim_start_matches('\u{feff}').trim())
    }

    pub(super) fn is_markup(&self) -> bool {
        self.text().is_some_and(|text| text.starts_with('<'))
    }

    /// Whether the API never sends it in a 2xx: text that is not JSON. A cut body is only recognised by markup.
    pub(super) fn is_page(&self) -> bool {
        let begins_as_json = |text: &str| text.starts_with(['{', '[']);
        match (self.text(), self.end) {
            (None | Some(""), _) => false,
            (Some(text), BodyEnd::Whole) => !begins_as_json(text) && !is_json(text),
            (Some(_), BodyEnd::TooLong | BodyEnd::Broken) => self.is_markup(),
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.end == BodyEnd::Whole && self.text().is_some_and(is_json)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.end == BodyEnd::Whole && self.text() == Some("")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyEnd {
    Whole,
    TooLong,
    /// The connection broke, or the time was up.
    Broken,
}

/// At most `size` bytes. Decompresses gzip whether it was declared or not (RFC 9110, 12.5.3). Never fails: the status
/// matters more. `patience` counts from the headers on; `None`: only the time-out of the whole exchange counts.
pub(super) async fn read(
    response: &mut Response,
    size: usize,
    patience: Option<Duration>,
) -> ResponseBody {
    let mut bytes = Vec::new();
    let all = fill(response, &mut bytes, size);
    let received = match patience {
        None => all.await,
        Some(patience) => tokio::time::timeout(patience, all).await.unwrap_or(BodyEnd::Broken),
    };
    if !bytes.starts_with(&GZIP) {
        return ResponseBody::new(&bytes, received, response.headers());
    }
    let (unpacked, unpacked_end) = unpack(&bytes, size).await;
    let end = if received == BodyEnd::Whole { unpacked_end } else { received };
    ResponseBody::new(&unpacked, end, response.headers())
}

async fn unpack(packed: &[u8], size: usize) -> (Vec<u8>, BodyEnd) {
    let mut decoder = GzipDecoder::new(packed);
    decoder.multiple_members(true);
    let mut bytes = Vec::new();
    let most = u64::try_from(size).unwrap_or(u64::MAX);
    let read = decoder.take(most.saturating_add(1)).read_to_end(&mut bytes).await;
    let end = match read {
        Err(_) => BodyEnd::Broken,
        Ok(_) if bytes.len() > size => BodyEnd::TooLong,
        Ok(_) => BodyEnd::Whole,
    };
    bytes.truncate(size);
    (bytes, end)
}

async fn fill(response: &mut Response, bytes: &mut Vec<u8>, size: usize) -> BodyEnd {
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = size.saturating_sub(bytes.len());
                bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                if chunk.len() > room {
                    return BodyEnd::TooLong;
                }
            }
            Ok(None) => return BodyEnd::Whole,
            Err(_) => return BodyEnd::Broken,
        }
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether a `Content-Encoding` is one that is taken off (RFC 9110, 8.4.1).
fn is_known(coding: &str) -> bool {
    let known = ["", "identity", "gzip", "x-gzip"];
    known.iter().any(|known| coding.trim().eq_ignore_ascii_case(known))
}

fn charset(content_type: &str) -> Option<&'static Encoding> {
    let parameters = content_type.split(';').skip(1);
    let mut named = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    });
    Encoding::for_label(named.next()?.as_bytes())
}

/// JSON is UTF-8 (RFC 8259, 8.1), so valid UTF-8 counts whatever is declared; else the declared encoding does.
fn decoded(bytes: &[u8], declared: Option<&'static Encoding>) -> Option<String> {
    if let Some(wide) = wide(bytes, declared) {
        let (text, _) = wide.decode_with_bom_removal(bytes);
        // Noise that begins like such a text is none.
        let begins = text.trim_start().chars().next();
        return begins.is_some_and(|c| c.is_ascii_graphic()).then(|| text.into_owned());
    }
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Some(text.to_owned()),
        Err(error) => error,
    };
    let whole = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
    if error.error_len().is_none() {
        return Some(whole.into_owned()); // cut within its last character
    }
    let is_utf8 =
        |text: &str| text.chars().any(|c| !c.is_ascii() && c != char::REPLACEMENT_CHARACTER);
    let lossy = String::from_utf8_lossy(bytes);
    if is_utf8(&lossy) {
        return Some(lossy.into_owned());
    }
    let encoding = declared.filter(|it| *it != UTF_8).unwrap_or(WINDOWS_1252);
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    let is_text = !text.contains(|c: char| c.is_control() && !c.is_whitespace());
    is_text.then(|| text.into_owned())
}

/// The encoding of a text in units of two bytes: by its mark, by declaration, or by the zeros between its letters.
fn wide(bytes: &[u8], declared: Option<&'static Encoding>) -> Option<&'static Encoding> {
    match bytes {
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        [first, 0, ..] if *first != 0 => Some(UTF_16LE),
        [0, second, ..] if *second != 0 => Some(UTF_16BE),
        _ => declared.filter(|it| [UTF_16LE, UTF_16BE].contains(it) && bytes.len() > 1),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn body(bytes: &[u8], content_type: &'static str) -> ResponseBody {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        ResponseBody::new(bytes, BodyEnd::Whole, &headers)
    }

    #[test]
    fn text_is_read_in_whatever_it_is_written() {
        let wide: Vec<u8> = "{\"ü\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [b"\xff\xfe".to_vec(), wide.clone()].concat();
        for (bytes, content_type, text) in [
            ("Süd".as_bytes(), "", Some("Süd")),
            ("Süd".as_bytes(), "text/plain; charset=iso-8859-1", Some("Süd")),
            (b"\xef\xbb\xbf Nord\r\n", "", Some("Nord")),
            (b"S\xfcd", "application/json; charset=ISO-8859-1", Some("Süd")),
            (b"S\xfcd", "application/json", Some("Süd")),
            (b"S\xfcd", "application/json; charset=utf-8", Some("Süd")),
            (b"S\xfcd \x80", "text/html; charset=\"windows-1252\"", Some("Süd €")),
            (b"\xa4", "text/plain;charset=iso-8859-15", Some("€")),
            (b"\x8e", "text/plain;charset=macintosh", Some("é")),
            ("Süd \u{fffd}".as_bytes(), "", Some("Süd \u{fffd}")),
            (b"S\xc3\xbcd \xfc", "", Some("Süd \u{fffd}")),
            (b"S\xc3", "", Some("S")),
            (&wide, "application/json", Some("{\"ü\"}")),
            (&marked, "application/json", Some("{\"ü\"}")),
            (b"\xff\xfe\0\x80\xff\xfe\0\x80", "", None),
            (b"\0\x01\x02\xff", "", None),
            (b"\x89PNG\x01\x02", "image/png", None),
            (b"", "", Some("")),
        ] {
            let read = body(bytes, content_type);
            assert_eq!(read.text(), text, "{} {content_type}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_page_is_told_from_json() {
        use BodyEnd::{Broken, TooLong, Whole};
        for (text, end, is_page) in [
            ("<html>", Whole, true),
            ("\u{feff}\r\n <!DOCTYPE html>", Whole, true),
            ("Please sign in", Whole, true),
            ("<html>", Broken, true),
            ("<html>", TooLong, true),
            ("Please", Broken, false),
            ("{}", Whole, false),
            (" [", Whole, false),
            ("{\"id\": oops", Whole, false),
            ("null", Whole, false),
            ("\"yes\"", Whole, false),
            ("", Whole, false),
            (" \n", Whole, false),
        ] {
            let body = ResponseBody::new(text.as_bytes(), end, &HeaderMap::new());
            assert_eq!(body.is_page(), is_page, "{text} {end:?}");
        }
    }

    #[tokio::test]
    async fn what_is_packed_is_unpacked_as_far_as_it_goes() {
        // `gzip -n` of `{"id":"a"}`.
        let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\x56\xca\x4c\x51\xb2\x52\x4a\x54\xaa\x05\0\x43\xe6\xa4\x9a\x0a\0\0\0";
        let (bytes, end) = unpack(packed, 100).await;
        assert_eq!((&bytes[..], end), (&b"{\"id\":\"a\"}"[..], BodyEnd::Whole));
        let twice = [&packed[..], &packed[..]].concat();
        assert_eq!(unpack(&twice, 100).await.0.len(), 20);
        assert_eq!(unpack(packed, 4).await, (b"{\"id".to_vec(), BodyEnd::TooLong));
        assert_eq!(unpack(&packed[..20], 100).await.1, BodyEnd::Broken);
    }
}
