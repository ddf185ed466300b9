//! Numbers that are read from their text, since YAML would round them.

use reconcile::Tolerance;
use serde_json::json;

use crate::manifest::yaml::{Form, Mistake, Node, Quoted, either, list};

/// A number that is not negative. Digits may be in groups where a decimal mark shows what they mean.
pub(in crate::manifest) const NUMBER: &str = r"^\d[\d,]*(\.\d+)?$";

/// A number of 0 or more, a percentage, or a list of both, of which one is enough.
pub(in crate::manifest) fn tolerance() -> Form<Tolerance> {
    const WHAT: &str = "a number or a percentage such as 0.5 or 1%";
    let one = || {
        let read = |node: Node<'_>| {
            let text = node.text_or_number(WHAT)?;
            node.checked(text.parse().map_err(|error| {
                let message = format!("{} is not a valid tolerance", Quoted(text));
                Mistake::new(message).help(format!("{error}"))
            }))
        };
        Form::new(
            read,
            |_| json!({ "type": ["number", "string"], "minimum": 0, "pattern": r"^\d[\d,]*(\.\d+)? ?%?$" }),
        )
    };
    let several = list(WHAT, "write for instance 0.5, or leave `tolerance` out", one());
    let either_of = several.then(|limits: Vec<Tolerance>, _| {
        Some(limits.into_iter().fold(Tolerance::default(), Tolerance::or))
    });
    either(one(), either_of, |node| node.items().is_some())
}
