use serde_json::Value;

use super::{
    Cause, Notice,
    body::{BodyEnd, ResponseBody},
    wire,
};
use crate::text::{foreign, foreign_word};
use request::page_code;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct ErrorBody {
    code: Option<String>,
    /// The server's words, or a description of a body without any. Never empty.
    text: String,
    tracking_id: Option<String>,
}

/// Known shapes: `{message, errors: [{description}], trackingId}`; `{error: {key, message: [{description, code}]},
/// trackingId}` and `error` as a list of such; `{errors: [{code, description}]}` with codes as numbers or texts;
/// `errorCode`; `error` as a text; OAuth's `{error, error_description}` (RFC 6749, 5.2); other text; HTML; nothing. The
/// first code counts, nested before outer. Different descriptions are joined.
fn read(status: u16, body: &ResponseBody) -> ErrorBody {
    let words = Words::of(status, body);
    let text = if words.said.is_empty() { describe(status, body) } else { words.said.join("; ") };
    ErrorBody { code: words.code.or(words.outer_code), text, tracking_id: words.tracking_id }
}

/// The error in a 2xx, if any: as [`read`], but nothing else of the body is repeated.
fn in_a_success(status: u16, body: &ResponseBody) -> Option<ErrorBody> {
    let words = Words::of(status, body);
    (!words.said.is_empty()).then(|| read(status, body))
}

#[derive(Default)]
struct Words {
    code: Option<String>,
    outer_code: Option<String>,
    said: Vec<String>,
    tracking_id: Option<String>,
}

impl Words {
    fn of(status: u16, body: &ResponseBody) -> Self {
        let mut words = Words::default();
        if let Some(value) = body.text().and_then(wire::read) {
            words.gather(&value);
            words.gather_key(&value, status);
        }
        words
    }

    fn gather(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.say(text),
            Value::Array(all) => all.iter().for_each(|one| self.gather(one)),
            Value::Object(fields) => {
                for key in ["message", "error_description", "description", "detail", "errors"] {
                    if let Some(inner) = fields.get(key) {
                        self.gather(inner);
                    }
                }
                match fields.get("error") {
                    // OAuth's code, unless it is a sentence.
                    Some(Value::String(code)) if is_oauth_code(code) => {
                        self.outer_code.get_or_insert_with(|| code.clone());
                        if self.said.is_empty() {
                            self.say(code);
                        }
                    }
                    Some(inner) => self.gather(inner),
                    None => {}
                }
                for key in ["code", "errorCode"] {
                    if self.code.is_none() {
                        self.code = fields.get(key).and_then(scalar);
                    }
                }
                if self.tracking_id.is_none() {
                    self.tracking_id = fields.get("trackingId").and_then(scalar);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// `error.key` is a code of last resort, and none if it only repeats the status.
    fn gather_key(&mut self, value: &Value, status: u16) {
        let errors = match &value["error"] {
            Value::Array(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        let key = errors
            .iter()
            .filter_map(|error| scalar(&error["key"]))
            .find(|key| *key != status.to_string());
        self.outer_code = self.outer_code.take().or(key);
    }

    fn say(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() && !self.said.iter().any(|said| said.contains(text)) {
            self.said.push(text.to_owned());
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_oauth_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn describe(status: u16, body: &ResponseBody) -> String {
    let text = body.text();
    let is_json = |said: &str| wire::read::<Value>(said).is_some();
    let (what, said) = match (text, body.end) {
        (None, _) => (" with a body that is not text", None),
        (Some(""), BodyEnd::Whole) => (" without a message", None),
        (Some(_), _) if body.is_markup() => (" with an HTML page", text.and_then(title)),
        (Some(text), BodyEnd::Broken) => (", but its body broke off", Some(text)),
        (Some(text), BodyEnd::TooLong) => (" with a body too long to read", Some(text)),
        (Some(text), _) if text.starts_with(['{', '[']) && is_json(text) => {
            (" with JSON that holds no message", None)
        }
        (Some(text), _) => ("", Some(text)),
    };
    match said {
        None | Some("") => format!("the server answered {status}{what}"),
        Some(words) => format!("the server answered {status}{what}: {words}"),
    }
}

fn title(page: &str) -> Option<&str> {
    // The lower-case text has the same length, whatever it contains.
    let lower = page.to_ascii_lowercase();
    let begin = lower.find("<title")?;
    let begin = begin + lower[begin..].find('>')? + 1;
    let end = begin + lower[begin..].find("</title")?;
    Some(page[begin..end].trim()).filter(|title| !title.is_empty())
}

/// A server's code that is one of our own words does not count: readers of the ledger would mistake it for ours.
pub(super) fn of_error(status: u16, notice: &Notice, body: &ResponseBody) -> Cause {
    let said = read(status, body);
    let redirect = (300..=399).contains(&status);
    let code = if redirect {
        Some("redirect".to_owned())
    } else {
        said.code.and_then(|code| foreign_word(&code)).filter(|code| !is_our_word(code))
    };
    let text = if redirect {
        format!(
            "the server answered {status} and sent us elsewhere; redirects are not followed, check api.base_url"
        )
    } else {
        foreign(&said.text)
    };
    Cause {
        http_status: Some(status),
        code: code.unwrap_or_else(|| format!("http_{status}")),
        text: if text.is_empty() {
            format!("the server answered {status} without a message")
        } else {
            text
        },
        tracking_id: notice.tracking_id.clone().or_else(|| foreign_word(&said.tracking_id?)),
        report_id: None,
    }
}

/// Codes that this program gives if the server gave none (`docs/ledger.md`, `error_code`).
fn is_our_word(code: &str) -> bool {
    const WORDS: [&str; 7] =
        ["timeout", "connect", "tls", "reset", "redirect", "bad_response", "in_doubt"];
    WORDS.contains(&code) || code.starts_with("http_")
}

/// Repeats only words about an error and the title of a page: the rest may be a secret.
pub(super) fn of_unreadable(notice: &Notice, body: &ResponseBody, wanted: &str) -> Cause {
    let status = notice.status.unwrap_or_default(); // an answer always has one
    if body.is_page() {
        let title = body.text().filter(|_| body.is_markup()).and_then(title);
        let what = match (body.is_markup(), title) {
            (true, Some(title)) => format!("a web page ({title})"),
            (true, None) => "a web page".to_owned(),
            (false, _) => "text".to_owned(),
        };
        let text = format!("the answer was {what} with status {status}, not the API's JSON");
        return Cause { code: page_code(status), ..bad_response(status, notice, foreign(&text)) };
    }
    let why = match (in_a_success(status, body), body.end) {
        (Some(said), _) => said.text,
        (None, BodyEnd::Whole) => "unexpected answer".to_owned(),
        (None, BodyEnd::TooLong) => "its body is too long".to_owned(),
        (None, BodyEnd::Broken) => "its body broke off".to_owned(),
    };
    let text = format!("the server answered {status}, but {wanted} could not be read: {why}");
    bad_response(status, notice, foreign(&text))
}

pub(super) fn bad_response(status: u16, notice: &Notice, text: String) -> Cause {
    Cause {
        http_status: Some(status),
        code: "bad_response".to_owned(),
        text,
        tracking_id: notice.tracking_id.clone(),
        ..Cause::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use reqwest::header::HeaderMap;

    use super::*;
    use crate::text::hold;

    fn whole(bytes: &[u8]) -> ResponseBody {
        ResponseBody::new(bytes, BodyEnd::Whole, &HeaderMap::new())
    }

    #[test]
    fn every_shape_is_read() {
        for (json, code, text, tracking_id) in [
            (
                r#"{"message":"Bad dates","errors":[{"description":"Bad dates"},{"description":"end is today"}],"trackingId":"T1"}"#,
                None,
                "Bad dates; end is today",
                Some("T1"),
            ),
            (
                r#"{"error":{"key":"400","message":[{"description":"Bad type","code":"1001"}]},"trackingId":"T2"}"#,
                Some("1001"),
                "Bad type",
                Some("T2"),
            ),
            (
                r#"{"error":[{"key":"400","message":[{"description":"a","code":7},{"description":"b","code":8}]},{"message":"c"}]}"#,
                Some("7"),
                "a; b; c",
                None,
            ),
            (r#"{"error":{"key":"quota","message":"No more"}}"#, Some("quota"), "No more", None),
            (r#"{"error":{"key":"400","message":"No"}}"#, None, "No", None),
            (r#"{"errors":[{"code":2024,"description":"Nope"}]}"#, Some("2024"), "Nope", None),
            (r#"{"errorCode":"E-9","message":"Nope"}"#, Some("E-9"), "Nope", None),
            (
                r#"{"errorCode":25008}"#,
                Some("25008"),
                "the server answered 400 with JSON that holds no message",
                None,
            ),
            (r#"{"error":"Something broke"}"#, None, "Something broke", None),
            (
                r#"{"error":"invalid_grant","error_description":"It has expired"}"#,
                Some("invalid_grant"),
                "It has expired",
                None,
            ),
            (r#"{"error":"invalid_grant"}"#, Some("invalid_grant"), "invalid_grant", None),
            (r#"{"errors":["one","two"]}"#, None, "one; two", None),
            ("\u{feff}{\"message\":\"marked\"}", None, "marked", None),
            (r#""just text""#, None, "just text", None),
            (
                "upstream connect error",
                None,
                "the server answered 400: upstream connect error",
                None,
            ),
            ("", None, "the server answered 400 without a message", None),
            (" \r\n", None, "the server answered 400 without a message", None),
            (
                "<html><body>502</body></html>",
                None,
                "the server answered 400 with an HTML page",
                None,
            ),
            (
                "<HTML><head><Title lang=de> Bitte\nanmelden </TITLE>",
                None,
                "the server answered 400 with an HTML page: Bitte\nanmelden",
                None,
            ),
            ("null", None, "the server answered 400: null", None),
            (r#"{"message":"half \ud83d a pair"}"#, None, "half \u{fffd} a pair", None),
            (r#"{"message":"a pair \ud83d\ude00"}"#, None, "a pair 😀", None),
            (
                r#"{"message":"\ude00\ud83d the wrong way"}"#,
                None,
                "\u{fffd}\u{fffd} the wrong way",
                None,
            ),
            (r#"{"message":"cut \ud83"}"#, None, "cut \u{fffd}d83", None),
            (r#"{"message":"C:\dates \'x\' \\ \"y\""}"#, None, "C:dates 'x' \\ \"y\"", None),
            ("{\"message\":\"two\nlines\tand a tab\"}", None, "two lines and a tab", None),
            (
                r#"{"message":"not closed"#,
                None,
                r#"the server answered 400: {"message":"not closed"#,
                None,
            ),
            (
                r#"{"message":"","errors":[],"error":{}}"#,
                None,
                "the server answered 400 with JSON that holds no message",
                None,
            ),
        ] {
            let read = read(400, &whole(json.as_bytes()));
            assert_eq!(read.code.as_deref(), code, "{json}");
            assert_eq!(read.text, text, "{json}");
            assert_eq!(read.tracking_id.as_deref(), tracking_id, "{json}");
        }
    }

    #[test]
    fn a_body_that_cannot_be_read_is_said_to_be_so() {
        hold("s3cr3t-word");
        for (bytes, end, text) in [
            (
                &b"\xff\xfe\x01\x80"[..],
                BodyEnd::Whole,
                "the server answered 502 with a body that is not text",
            ),
            (
                b"{\"message\":\"x\"",
                BodyEnd::TooLong,
                "the server answered 502 with a body too long to read: {\"message\":\"x\"",
            ),
            (b"{\"me", BodyEnd::Broken, "the server answered 502, but its body broke off: {\"me"),
            (
                b"it says t0ken s3cr3t-w",
                BodyEnd::TooLong,
                "the server answered 502 with a body too long to read: it says t0ken",
            ),
            (b"s3cr3t-w", BodyEnd::Broken, "the server answered 502, but its body broke off"),
            (b"", BodyEnd::Broken, "the server answered 502, but its body broke off"),
            (b"<html>", BodyEnd::TooLong, "the server answered 502 with an HTML page"),
        ] {
            let body = ResponseBody::new(bytes, end, &HeaderMap::new());
            assert_eq!(read(502, &body).text, text);
        }
        let deep = "[".repeat(60_000);
        let text = read(500, &whole(deep.as_bytes())).text;
        assert!(text.starts_with("the server answered 500: [["));
    }

    fn cause(status: u16, body: &str) -> Cause {
        let body = ResponseBody::new(body.as_bytes(), BodyEnd::Whole, &HeaderMap::new());
        crate::text::hold("t0ken");
        of_error(status, &Notice::default(), &body)
    }

    #[test]
    fn codes_are_the_servers_or_ours() {
        for (status, body, code) in [
            (400, r#"{"errorCode":7}"#, "7"),
            (400, r#"{"errorCode":"two words"}"#, "http_400"),
            (400, r#"{"errorCode":"x-t0ken"}"#, "http_400"),
            (400, r#"{"errorCode":"in_doubt"}"#, "http_400"),
            (409, r#"{"errorCode":"timeout"}"#, "http_409"),
            (500, r#"{"errors":[{"code":"http_404"}]}"#, "http_500"),
            (400, r#"{"errorCode":"Timeout"}"#, "Timeout"),
            (502, "<html>", "http_502"),
            (302, r#"{"errorCode":7}"#, "redirect"),
        ] {
            assert_eq!(cause(status, body).code, code, "{status} {body}");
        }
    }

    #[test]
    fn nothing_dangerous_gets_through() {
        let echo = cause(400, r#"{"message":"Bearer t0ken\n\u001b[2J","trackingId":"t0ken"}"#);
        assert_eq!(echo.text, "Bearer [secret] [2J");
        assert_eq!(echo.tracking_id, None);
        assert_eq!(
            cause(400, r#"{"message":"\u202e"}"#).text,
            "the server answered 400 without a message"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!read(500, &whole(&bytes)).text.is_empty());
        }

        #[test]
        fn no_json_panics(json in r#"[{}\[\]",:0-9a-z]{0,10}\{"(message|error|errors|code|key)":[{}\[\]",:a-z]{0,20}\}"#) {
            prop_assert!(!read(500, &whole(json.as_bytes())).text.is_empty());
        }
    }
}
