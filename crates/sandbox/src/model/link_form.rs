use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The form of a `Link` header (RFC 8288).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkForm {
    /// `<URL>; rel="next"`
    #[default]
    Plain,
    /// Behind an element of the list that is empty.
    EmptyElement,
    /// With a title that is no UTF-8.
    Bytes,
    /// With the relation as a URI.
    Uri,
    /// A quoted text in it never ends: nobody can read it.
    Unclosed,
    /// Words stand before it: nobody can read it.
    Garbage,
    /// It does not say what it leads to.
    NoRelation,
}

impl LinkForm {
    /// The header's value: a link to the first page where there is one, and one to the next page at `url`.
    pub(super) fn write(self, first: Option<&str>, url: &str) -> Vec<u8> {
        let before = first.map_or(String::new(), |url| format!("<{url}>; rel=\"first\", "));
        let text = match self {
            LinkForm::Plain => format!("{before}<{url}>; rel=\"next\""),
            LinkForm::EmptyElement => format!("{before}, <{url}>; rel=\"next\""),
            LinkForm::Bytes => {
                let mut bytes = format!("{before}<{url}>; title=\"").into_bytes();
                bytes.extend(b"Seite f\xfcr Seite\"; rel=\"next\"");
                return bytes;
            }
            LinkForm::Uri => {
                format!("{before}<{url}>; rel=\"http://www.iana.org/assignments/relation/next\"")
            }
            LinkForm::Unclosed => format!("{before}<{url}>; title=\"page; rel=next"),
            LinkForm::Garbage => format!("{before}more at <{url}>; rel=\"next\""),
            LinkForm::NoRelation => format!("{before}<{url}>"),
        };
        text.into_bytes()
    }
}
