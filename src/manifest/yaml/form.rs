//! How values are written: each form has a reader and a JSON Schema.

use std::{marker::PhantomData, ops::RangeInclusive, path::PathBuf};

use schemars::{JsonSchema, SchemaGenerator};
use serde::{
    Serialize,
    de::{DeserializeOwned, IntoDeserializer, value::Error},
};
use serde_json::{Value, json};

use super::{
    node::Node,
    problem::{Mistake, Sink},
    quote::Quoted,
    source::SourcePlace,
    suggest::did_you_mean,
    tree::NodeContent,
};

pub(crate) trait Form {
    type Value;

    fn read(&self, node: Node<'_>) -> Option<Self::Value>;

    fn schema(&self, generator: &mut SchemaGenerator) -> Value;

    fn as_item(&self, node: Node<'_>) -> String {
        node.written()
    }

    fn write(&self, _: &Self::Value) -> Option<Value> {
        None
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) place: SourcePlace,
}

impl<T> Located<T> {
    pub(crate) fn report<U>(&self, sink: &Sink, mistake: Mistake) -> Option<U> {
        sink.report(self.place.clone(), mistake)
    }
}

pub(crate) fn at<F: Form>(form: F) -> LocatedForm<F> {
    LocatedForm(form)
}

pub(crate) struct LocatedForm<F>(F);

impl<F: Form> Form for LocatedForm<F> {
    type Value = Located<F::Value>;

    fn read(&self, node: Node<'_>) -> Option<Self::Value> {
        let value = self.0.read(node)?;
        let place = node.place();
        Some(Located { value, place })
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Value {
        self.0.schema(generator)
    }
}

pub(crate) fn form<T>(
    read: impl Fn(Node<'_>) -> Option<T>,
    schema: impl Fn(&mut SchemaGenerator) -> Value,
) -> impl Form<Value = T> {
    Parts { read, schema }
}

struct Parts<R, S> {
    read: R,
    schema: S,
}

impl<T, R, S> Form for Parts<R, S>
where
    R: Fn(Node<'_>) -> Option<T>,
    S: Fn(&mut SchemaGenerator) -> Value,
{
    type Value = T;

    fn read(&self, node: Node<'_>) -> Option<T> {
        (self.read)(node)
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Value {
        (self.schema)(generator)
    }
}

pub(crate) fn truth() -> impl Form<Value = bool> {
    form(|node| node.bool(), |_| json!({ "type": "boolean" }))
}

pub(crate) fn whole<T>(range: RangeInclusive<u32>) -> WholeNumber<T> {
    WholeNumber(range, PhantomData)
}

pub(crate) struct WholeNumber<T>(RangeInclusive<u32>, PhantomData<T>);

impl<T: DeserializeOwned + Serialize> Form for WholeNumber<T> {
    type Value = T;

    fn read(&self, node: Node<'_>) -> Option<T> {
        let WholeNumber(range, _) = self;
        if !matches!(node.content(), NodeContent::Number(_)) {
            return node.report(node.unexpected("a whole number"));
        }
        let number = node.whole_number().and_then(|n| u32::try_from(n).ok());
        let deserializer = number
            .filter(|number| range.contains(number))
            .map(IntoDeserializer::<Error>::into_deserializer);
        match deserializer.and_then(|in_range| T::deserialize(in_range).ok()) {
            Some(value) => Some(value),
            None => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                let written = node.written();
                let mistake = Mistake::new(format!("{} is not {expected}", Quoted(&written)));
                node.report(mistake.help(format!("write {expected}")))
            }
        }
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Value {
        json!({ "type": "integer", "minimum": self.0.start(), "maximum": self.0.end() })
    }

    fn write(&self, value: &T) -> Option<Value> {
        serde_json::to_value(value).ok()
    }
}

pub(crate) struct Text<T> {
    pub(crate) expected: &'static str,
    /// A regular expression, as exact as possible.
    pub(crate) pattern: &'static str,
    pub(crate) parse: fn(&str) -> Result<T, Mistake>,
    pub(crate) write: fn(&T) -> String,
    /// Numbers are passed to `parse` too, since its message is better.
    pub(crate) numbers: bool,
}

pub(crate) fn text<T>(
    expected: &'static str,
    pattern: &'static str,
    parse: fn(&str) -> Result<T, Mistake>,
) -> Text<T> {
    Text { expected, pattern, parse, write: |_| String::new(), numbers: true }
}

impl<T> Form for Text<T> {
    type Value = T;

    fn read(&self, node: Node<'_>) -> Option<T> {
        let parsed = match node.content() {
            NodeContent::Number(_) if self.numbers => (self.parse)(&node.written()),
            _ => (self.parse)(node.text(self.expected)?),
        };
        parsed.map_err(|mistake| node.report::<()>(mistake)).ok()
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Value {
        json!({ "type": "string", "pattern": self.pattern })
    }

    fn write(&self, value: &T) -> Option<Value> {
        Some((self.write)(value).into())
    }
}

/// A line of text: not empty, no blanks around it. `what` names it in messages.
pub(crate) fn line(what: &'static str) -> impl Form<Value = String> {
    let read = move |node: Node<'_>| match checked_line(node.text(what)?, what) {
        Ok(line) => Some(line.to_owned()),
        Err(mistake) => node.report(mistake),
    };
    form(read, |_| json!({ "type": "string", "minLength": 1 }))
}

pub(crate) fn checked_line<'a>(text: &'a str, what: &str) -> Result<&'a str, Mistake> {
    let text = text.trim();
    if text.is_empty() {
        let mistake = Mistake::new(format!("{what} must not be empty"));
        return Err(mistake.help("write a text, or leave the key out"));
    }
    // Control characters, line separators, and characters that change the direction of text.
    let is_control = |c: &char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    match text.chars().find(is_control) {
        Some(character) => Err(Mistake::new(format!(
            "{what} must not have control characters (here {character:?})"
        ))
        .help("write it on one line, with blanks only")),
        None => Ok(text),
    }
}

/// Relative to the file in which it is written. `what` names it in messages.
pub(crate) fn path(what: &'static str) -> impl Form<Value = PathBuf> {
    form(
        move |node| Some(node.folder().join(line(what).read(node)?)),
        move |generator| line(what).schema(generator),
    )
}

pub(crate) fn words<T: Copy + JsonSchema, const N: usize>(
    what: &'static str,
    words: [(&'static str, T); N],
) -> impl Form<Value = T> {
    let read = move |node: Node<'_>| {
        let text = node.text(what)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let help = did_you_mean(text, "write one of", &words.map(|(word, _)| word));
        let message = format!("{} is not a valid {what}", Quoted(text));
        node.report(Mistake::new(message).help(help))
    };
    form(read, |generator| generator.subschema_for::<T>().to_value())
}

/// Not empty. Items with problems are dropped. `if_empty` is the advice for an empty list.
pub(crate) fn list<F: Form>(expected: &'static str, if_empty: &'static str, item: F) -> List<F> {
    List { expected, if_empty, item }
}

pub(crate) struct List<F> {
    expected: &'static str,
    if_empty: &'static str,
    item: F,
}

impl<F: Form> Form for List<F> {
    type Value = Vec<F::Value>;

    fn read(&self, node: Node<'_>) -> Option<Self::Value> {
        let Some(items) = node.items() else {
            let mistake = node.unexpected(self.expected);
            let written = node.written();
            let is_scalar = node.is_scalar() && !written.contains(['[', ']', '{', '}', ',']);
            let is_item = is_scalar || (written.starts_with('{') && !written.contains('\n'));
            return node.report(match node.key() {
                Some(key) if is_item => {
                    let item = self.item.as_item(node);
                    mistake.help(format!("write {key}: [{item}]"))
                }
                _ => mistake,
            });
        };
        if items.len() == 0 {
            return node.report(Mistake::new("this list is empty").help(self.if_empty));
        }
        Some(items.filter_map(|item| self.item.read(item)).collect())
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Value {
        json!({ "type": "array", "items": self.item.schema(generator), "minItems": 1 })
    }
}
