use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::{
    form::Form,
    node::{KeyValue, Node},
    problem::{Mistake, Quoted},
    suggest::{did_you_mean, nearest},
    tree::NodeContent,
};

/// Declares mappings: their names in messages, an example, and their keys. Each key is one line: documentation, name,
/// type, and how it is written. The struct, the reader, the defaults and the schema come from that line.
macro_rules! keys {
    ($(
        $(#[doc = $about:literal])+
        $vis:vis struct $name:ident: $owner:literal, $expected:literal $(, not empty: $if_empty:literal)? {
            $( $(#[doc = $doc:literal])+ $key_vis:vis $key:ident: $type:ty = $form:expr, )+
        }
    )+) => { $(
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            $( $(#[doc = $doc])+ $key_vis $key: $type, )+
        }

        impl $crate::manifest::yaml::Mapping for $name {
            const NAME: &'static str = stringify!($name);
            const ABOUT: &'static str = concat!($($about),+);
            const OWNER: &'static str = $owner;
            const EXPECTED: &'static str = $expected;
            const IF_EMPTY: Option<&'static str> = [$(Some($if_empty),)? None][0];

            fn visit(keys: &mut $crate::manifest::yaml::Keys<'_>) -> Self {
                $name {
                    $( $key: $form(keys, (stringify!($key), concat!($($doc),+))), )+
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                $crate::manifest::yaml::Mapping::visit(&mut $crate::manifest::yaml::Keys::absent())
            }
        }
    )+ };
}
pub(crate) use keys;

pub(crate) trait Mapping: Sized {
    const NAME: &'static str;
    const ABOUT: &'static str;
    const OWNER: &'static str;
    const EXPECTED: &'static str;
    const IF_EMPTY: Option<&'static str>;

    fn visit(keys: &mut Keys<'_>) -> Self;

    fn names() -> Vec<&'static str> {
        let mut keys = Keys::absent();
        Self::visit(&mut keys);
        keys.names
    }

    /// Keys in `unread` are allowed and ignored.
    fn read(node: Node<'_>, unread: &[&str]) -> Option<Self> {
        let Some(entries) = node.entries() else {
            return node.report(node.unexpected(Self::EXPECTED));
        };
        let mut keys = Keys {
            names: Vec::new(),
            mode: KeyMode::Read { node, owner: Self::OWNER, entries: &entries, unread },
        };
        let value = Self::visit(&mut keys);
        let known = keys.names;
        for (index, entry) in entries.iter().enumerate() {
            if !known.contains(&entry.key) {
                let message = format!("unknown key {} in {}", Quoted(entry.key), Self::OWNER);
                let before = index.checked_sub(1).and_then(|before| entries.get(before));
                let help = bare_key(entry, before, &known)
                    .unwrap_or_else(|| did_you_mean(entry.key, "the keys are", &known));
                entry.key_node.report::<()>(Mistake::new(message).help(help));
            }
        }
        match Self::IF_EMPTY {
            Some(message) if entries.is_empty() => {
                let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                let help = format!("write at least one of {}", names.join(", "));
                node.report(Mistake::new(message).help(help))
            }
            _ => Some(value),
        }
    }

    fn object(generator: &mut SchemaGenerator) -> Map<String, Value> {
        let mut keys = Keys {
            names: Vec::new(),
            mode: KeyMode::Describe { generator, properties: Map::new(), required: Vec::new() },
        };
        Self::visit(&mut keys);
        let mut object = Map::new();
        if let KeyMode::Describe { properties, required, .. } = keys.mode {
            object.insert("description".into(), Self::ABOUT.trim().into());
            object.insert("type".into(), "object".into());
            object.insert("properties".into(), properties.into());
            object.insert("additionalProperties".into(), false.into());
            if Self::IF_EMPTY.is_some() {
                object.insert("minProperties".into(), 1.into());
            }
            if !required.is_empty() {
                object.insert("required".into(), required.into());
            }
        }
        object
    }
}

/// What a key of `{ ... }` without a colon means: in `{ label: Acme, Inc. }`, `Inc.` belongs to the value before it.
fn bare_key(
    key: &KeyValue<'_>,
    before: Option<&KeyValue<'_>>,
    known: &[&'static str],
) -> Option<String> {
    let place = key.key_node.place();
    let text = &place.source.text;
    let has_colon = text[place.span.end..].trim_start().starts_with(':');
    if has_colon || !matches!(key.value.content(), NodeContent::Nothing) {
        return None;
    }
    if let Some((word, value)) = key.key.split_once([' ', ':'])
        && let Some(meant) = nearest(word, known.iter().copied())
    {
        return Some(format!("write `{meant}: {}`", value.trim()));
    }
    let (before, start) = (before?, before?.value.place());
    let value = text.get(start.span.start..place.span.end)?;
    let is_meant = matches!(before.value.content(), NodeContent::Text(_))
        && text.get(start.span.end..place.span.start)?.trim() == ","
        && !value.contains(['"', '\'']);
    is_meant.then(|| format!("quote it: {}: \"{value}\"", before.key))
}

pub(crate) struct Keys<'k> {
    names: Vec<&'static str>,
    mode: KeyMode<'k>,
}

enum KeyMode<'k> {
    Absent,
    Read {
        node: Node<'k>,
        owner: &'static str,
        entries: &'k [KeyValue<'k>],
        unread: &'k [&'k str],
    },
    Describe {
        generator: &'k mut SchemaGenerator,
        properties: Map<String, Value>,
        required: Vec<Value>,
    },
}

impl Keys<'_> {
    pub(crate) fn absent() -> Self {
        Keys { names: Vec::new(), mode: KeyMode::Absent }
    }

    fn one<T: 'static>(
        &mut self,
        (name, about): Name,
        form: &Form<T>,
        example: Option<&'static str>,
        default: Option<&T>,
    ) -> Field<T> {
        let name = name.trim_start_matches("r#"); // `r#type` is the key `type`
        self.names.push(name);
        match &mut self.mode {
            KeyMode::Absent => Ok(None),
            KeyMode::Read { unread, .. } if unread.contains(&name) => Ok(None),
            KeyMode::Read { node, owner, entries, .. } => {
                match (entries.iter().find(|entry| entry.key == name), example) {
                    (Some(entry), _) => form.read(entry.value).map(Some).ok_or(Wrong),
                    (None, Some(example)) => {
                        node.report(missing(owner, name, example)).ok_or(Wrong)
                    }
                    (None, None) => Ok(None),
                }
            }
            KeyMode::Describe { generator, properties, required } => {
                let property = described(about, form.schema(generator, default));
                properties.insert(name.to_owned(), property.into());
                if example.is_some() {
                    required.push(name.into());
                }
                Ok(None)
            }
        }
    }
}

pub(crate) fn missing(owner: &str, key: &str, example: &str) -> Mistake {
    Mistake::new(format!("{owner} has no `{key}`")).help(format!("write `{example}`"))
}

pub(crate) type Field<T> = Result<Option<T>, Wrong>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong;

/// Of a key, and its documentation.
type Name = (&'static str, &'static str);

pub(crate) fn required<T: 'static>(
    form: Form<T>,
    example: &'static str,
) -> impl FnOnce(&mut Keys<'_>, Name) -> Option<T> {
    move |keys, name| keys.one(name, &form, Some(example), None).ok().flatten()
}

pub(crate) fn optional<T: 'static>(form: Form<T>) -> impl FnOnce(&mut Keys<'_>, Name) -> Field<T> {
    move |keys, name| keys.one(name, &form, None, None)
}

pub(crate) fn or<T: 'static>(form: Form<T>, default: T) -> impl FnOnce(&mut Keys<'_>, Name) -> T {
    move |keys, name| {
        let given = keys.one(name, &form, None, Some(&default));
        given.ok().flatten().unwrap_or(default)
    }
}

/// As [`optional`], but a value with a problem counts as missing, too.
pub(crate) fn or_none<T: 'static>(form: Form<T>) -> impl FnOnce(&mut Keys<'_>, Name) -> Option<T> {
    move |keys, name| keys.one(name, &form, None, None).ok().flatten()
}

/// The keys of another mapping, as if they were declared here.
pub(crate) fn spread<T: Mapping>() -> impl FnOnce(&mut Keys<'_>, Name) -> T {
    |keys, _| T::visit(keys)
}

pub(crate) fn mapping<T: Mapping + 'static>() -> Form<T> {
    Form::new(
        |node| T::read(node, &[]),
        |generator| {
            if !generator.definitions().contains_key(T::NAME) {
                let object = T::object(generator);
                let definitions = generator.definitions_mut();
                definitions.insert(T::NAME.to_owned(), object.into());
            }
            json!({ "$ref": format!("#/$defs/{}", T::NAME) })
        },
    )
}

pub(super) fn described(about: &str, schema: Value) -> Map<String, Value> {
    let mut described = Map::new();
    described.insert("description".into(), about.trim().into());
    if let Value::Object(schema) = schema {
        described.extend(schema);
    }
    described
}

pub(crate) fn root_schema<T: Mapping>(title: &str) -> Value {
    let mut generator = SchemaGenerator::new(schemars::generate::SchemaSettings::draft2020_12());
    let mut schema = Map::new();
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".into(), title.into());
    schema.extend(T::object(&mut generator));
    schema.insert("$defs".into(), generator.take_definitions(true).into());
    schema.into()
}
