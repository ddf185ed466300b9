use super::{
    Cause, Notice,
    body::{BodyEnd, ResponseBody},
    error_body,
};
use crate::text::{foreign, foreign_word};
use request::page_code;

/// A server's code that is one of our own words does not count: readers of the ledger would mistake it for ours.
pub(super) fn of_error(status: u16, notice: &Notice, body: &ResponseBody) -> Cause {
    let said = error_body::read(status, body);
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
        let title = body.text().filter(|_| body.is_markup()).and_then(error_body::title);
        let what = match (body.is_markup(), title) {
            (true, Some(title)) => format!("a web page ({title})"),
            (true, None) => "a web page".to_owned(),
            (false, _) => "text".to_owned(),
        };
        let text = format!("the answer was {what} with status {status}, not the API's JSON");
        return Cause { code: page_code(status), ..bad_response(status, notice, foreign(&text)) };
    }
    let why = match (error_body::in_a_success(status, body), body.end) {
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
        report_id: None,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

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
}
