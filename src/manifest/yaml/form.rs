use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use schemars::{JsonSchema, SchemaGenerator};
use serde::{
    Serialize,
    de::{DeserializeOwned, IntoDeserializer, value::Error},
};
use serde_json::{Value, json};

use super::{
    mapping::{Mapping, described, mapping},
    node::Node,
    problem::{Mistake, Quoted, Sink},
    source::SourcePlace,
    suggest::{did_you_mean, nearest},
    tree::NodeContent,
};

type Reader<T> = Box<dyn Fn(Node<'_>) -> Option<T>>;
type Describer = Box<dyn Fn(&mut SchemaGenerator) -> Value>;

/// How a value is written: what reads it, and its JSON Schema.
pub(crate) struct Form<T> {
    read: Reader<T>,
    schema: Describer,
    default: Option<fn(&T) -> Value>,
    as_item: fn(Node<'_>) -> String,
}

impl<T: 'static> Form<T> {
    pub(crate) fn new(
        read: impl Fn(Node<'_>) -> Option<T> + 'static,
        schema: impl Fn(&mut SchemaGenerator) -> Value + 'static,
    ) -> Self {
        Form {
            read: Box::new(read),
            schema: Box::new(schema),
            default: None,
            as_item: |node| node.written(),
        }
    }

    pub(crate) fn read(&self, node: Node<'_>) -> Option<T> {
        (self.read)(node)
    }

    pub(super) fn schema(&self, generator: &mut SchemaGenerator, default: Option<&T>) -> Value {
        let mut schema = (self.schema)(generator);
        if let (Some(default), Some(as_json)) = (default, self.default) {
            schema["default"] = as_json(default);
        }
        schema
    }

    /// The schema names defaults as `as_json` writes them.
    pub(crate) fn with_default(self, as_json: fn(&T) -> Value) -> Self {
        Form { default: Some(as_json), ..self }
    }

    /// `as_item` writes as an item of a list what stands in the place of the list.
    pub(crate) fn with_item(self, as_item: fn(Node<'_>) -> String) -> Self {
        Form { as_item, ..self }
    }

    /// Written the same way, and read further.
    pub(crate) fn then<U: 'static>(
        self,
        further: impl Fn(T, Node<'_>) -> Option<U> + 'static,
    ) -> Form<U> {
        let Form { read, schema, .. } = self;
        Form::new(move |node| further(read(node)?, node), schema)
    }

    pub(crate) fn located(self) -> Form<Located<T>> {
        self.then(|value, node| Some(Located { value, place: node.place() }))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) place: SourcePlace,
}

impl<T> Located<T> {
    pub(crate) fn report<U>(&self, sink: &Sink, mistake: Mistake) -> Option<U> {
        sink.report(self.place.clone(), mistake)
    }
}

/// Reports each text that stands there again.
pub(crate) fn report_repeated<'a>(
    texts: impl IntoIterator<Item = &'a Located<String>>,
    sink: &Sink,
    mistake: fn(&str) -> Mistake,
) {
    let mut known = HashMap::new();
    for Located { value, place } in texts {
        let first = *known.entry(value).or_insert(place);
        if !std::ptr::eq(first, place) {
            sink.report_again(place.clone(), mistake(value), first.clone());
        }
    }
}

pub(crate) fn truth() -> Form<bool> {
    let read = |node: Node<'_>| match node.content() {
        NodeContent::Bool(value) => Some(*value),
        _ => node.report(node.unexpected("`true` or `false`")),
    };
    Form::new(read, |_| json!({ "type": "boolean" }))
}

/// A whole number from 1 to `most`.
pub(crate) fn count<T: DeserializeOwned + Serialize + 'static>(most: u32) -> Form<T> {
    let read = move |node: Node<'_>| {
        let NodeContent::Number(number, _) = node.content() else {
            return node.report(node.unexpected("a whole number"));
        };
        let whole = number.as_u64().filter(|whole| (1..=u64::from(most)).contains(whole));
        let deserializer = whole.map(IntoDeserializer::<Error>::into_deserializer);
        deserializer.and_then(|value| T::deserialize(value).ok()).or_else(|| {
            let expected = format!("a whole number from 1 to {most}");
            let mistake = Mistake::new(format!("{} is not {expected}", Quoted(&node.written())));
            node.report(mistake.help(format!("write {expected}")))
        })
    };
    let schema = move |_: &mut _| json!({ "type": "integer", "minimum": 1, "maximum": most });
    Form::new(read, schema).with_default(|number| json!(number))
}

/// `pattern` is a regular expression, as exact as possible. Numbers and truth values have to be quoted.
pub(crate) fn text<T: 'static>(
    expected: &'static str,
    pattern: &'static str,
    parse: fn(&str) -> Result<T, Mistake>,
) -> Form<T> {
    let read = move |node: Node<'_>| node.checked(parse(node.text(expected)?));
    Form::new(read, move |_| json!({ "type": "string", "pattern": pattern }))
}

/// As [`text`], but numbers are passed to `parse` too, since its message is better.
pub(crate) fn text_or_number<T: 'static>(
    expected: &'static str,
    pattern: &'static str,
    parse: fn(&str) -> Result<T, Mistake>,
) -> Form<T> {
    let Form { schema, .. } = text(expected, pattern, parse);
    Form::new(move |node| node.checked(parse(node.text_or_number(expected)?)), schema)
}

/// A line of text: not empty, no blanks around it. `what` names it in messages.
pub(crate) fn line(what: &'static str) -> Form<String> {
    let read = move |node: Node<'_>| node.checked(checked_line(node.text(what)?, what));
    Form::new(read, |_| json!({ "type": "string", "minLength": 1 }))
}

pub(crate) fn checked_line(text: &str, what: &str) -> Result<String, Mistake> {
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
        None => Ok(text.to_owned()),
    }
}

/// Relative to the file in which it is written. `what` names it in messages.
pub(crate) fn path(what: &'static str) -> Form<PathBuf> {
    line(what).then(|line, node| Some(node.folder().join(line)))
}

pub(crate) fn words<T: Copy + JsonSchema + 'static, const N: usize>(
    what: &'static str,
    words: [(&'static str, T); N],
) -> Form<T> {
    let Form { read, .. } = one_word(what, words);
    Form::new(read, |generator| generator.subschema_for::<T>().to_value())
}

/// As [`words`], for a type that does not describe its words.
pub(crate) fn one_word<T: Copy + 'static, const N: usize>(
    what: &'static str,
    words: [(&'static str, T); N],
) -> Form<T> {
    let read = move |node: Node<'_>| {
        let text = node.text(what)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let help = did_you_mean(text, "write one of", &words.map(|(word, _)| word));
        let message = format!("{} is not a valid {what}", Quoted(text));
        node.report(Mistake::new(message).help(help))
    };
    Form::new(read, move |_| json!({ "enum": words.map(|(word, _)| word).as_slice() }))
}

/// Not empty. Items with problems are dropped. `if_empty` is the advice for an empty list.
pub(crate) fn list<T: 'static>(
    expected: &'static str,
    if_empty: &'static str,
    item: Form<T>,
) -> Form<Vec<T>> {
    let Form { read, schema, as_item, .. } = item;
    let read_items = move |node: Node<'_>| match node.items() {
        Some(items) if items.len() == 0 => {
            node.report(Mistake::new("this list is empty").help(if_empty))
        }
        Some(items) => Some(items.filter_map(&read).collect()),
        None => {
            let mistake = node.unexpected(expected);
            let written = node.written();
            let is_scalar = node.is_scalar() && !written.contains(['[', ']', '{', '}', ',']);
            let is_item = is_scalar || (written.starts_with('{') && !written.contains('\n'));
            node.report(match node.key {
                Some(key) if is_item => mistake.help(format!("write {key}: [{}]", as_item(node))),
                _ => mistake,
            })
        }
    };
    Form::new(
        read_items,
        move |generator| json!({ "type": "array", "items": schema(generator), "minItems": 1 }),
    )
}

/// A mapping whose keys are names. Not empty; entries with problems are dropped. `if_empty` is the advice for an empty
/// one.
pub(crate) fn named<K: 'static, T: 'static>(
    expected: &'static str,
    if_empty: &'static str,
    name: Form<K>,
    value: Form<T>,
) -> Form<Vec<(K, T)>> {
    let read = move |node: Node<'_>| {
        let Some(mut entries) = node.entries() else {
            return node.report(node.unexpected(expected));
        };
        if entries.is_empty() {
            return node.report(Mistake::new("this mapping names nothing").help(if_empty));
        }
        let mut seen = HashSet::new();
        entries.retain(|entry| seen.insert(entry.key)); // as elsewhere, what is merged comes last
        let entries = entries.into_iter().map(|entry| {
            let (name, value) = ((name.read)(entry.key_node), (value.read)(entry.value));
            Some((name?, value?))
        });
        Some(entries.flatten().collect())
    };
    Form::new(read, move |generator| {
        let (names, values) = ((name.schema)(generator), (value.schema)(generator));
        json!({ "type": "object", "propertyNames": names, "additionalProperties": values, "minProperties": 1 })
    })
}

/// Written in one of two ways, as `is_second` tells.
pub(crate) fn either<T: 'static>(
    first: Form<T>,
    second: Form<T>,
    is_second: fn(Node<'_>) -> bool,
) -> Form<T> {
    let (read_first, read_second) = (first.read, second.read);
    Form::new(
        move |node| if is_second(node) { read_second(node) } else { read_first(node) },
        move |generator| json!({ "anyOf": [(first.schema)(generator), (second.schema)(generator)] }),
    )
}

/// One of the mappings of [`one_of`].
pub(crate) struct Alternative<T> {
    about: &'static str,
    keys: Vec<&'static str>,
    form: Form<T>,
}

pub(crate) fn alternative<M: Mapping + 'static, T: 'static>(
    further: fn(M, Node<'_>) -> Option<T>,
) -> Alternative<T> {
    Alternative { about: M::ABOUT, keys: M::names(), form: mapping().then(further) }
}

/// `plain`, or one of `mappings`, whichever the keys fit. Keys of several of them are reported with `help`.
pub(crate) fn one_of<T: 'static>(
    (about, plain): (&'static str, Form<T>),
    mappings: Vec<Alternative<T>>,
    help: &'static str,
) -> Form<T> {
    let mut schemas = vec![(about, plain.schema)];
    let mut choices = Vec::new();
    for mapping in mappings {
        schemas.push((mapping.about, mapping.form.schema));
        choices.push((mapping.keys, mapping.form.read));
    }
    let read_one = move |node: Node<'_>| {
        let Some(entries) = node.entries() else {
            return (plain.read)(node);
        };
        let given: Vec<_> = entries.iter().map(|entry| entry.key).collect();
        let with = |names: &[&str]| {
            let fit = choices.iter().filter(|(keys, _)| keys.iter().any(|key| names.contains(key)));
            fit.map(|(_, reader)| reader).collect::<Vec<_>>()
        };
        // A misspelled key decides, too.
        let all = choices.iter().flat_map(|(keys, _)| keys).copied();
        let meant = || given.iter().filter_map(|key| nearest(key, all.clone())).collect::<Vec<_>>();
        match with(&given)[..] {
            [] => with(&meant()).first().unwrap_or(&&choices.first()?.1)(node),
            [reader] => reader(node),
            _ => node.report(Mistake::new("these keys do not go together").help(help)),
        }
    };
    Form::new(read_one, move |generator| {
        let forms = schemas.iter().map(|(what, schema)| described(what, schema(generator)));
        json!({ "anyOf": forms.collect::<Vec<_>>() })
    })
}
