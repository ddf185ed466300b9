//! What commands show on stdout. For scripts, a type that derives `Serialize` and `JsonSchema` gives the JSON, the CSV
//! and the schema.

use std::io;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use crate::tables::{TableColumn, TableWriter};

/// A result: a table for people, CSV and JSON for scripts.
pub trait View {
    fn table(&self) -> String;
    fn csv(&self, out: &mut dyn io::Write) -> io::Result<()>;
    fn json(&self) -> serde_json::Result<String>;
}

/// The JSON Schema (2020-12) of `T`.
pub fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

pub(super) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// A header, and a line for each row: the fields of `R` in their order, text neutralised.
pub(super) fn csv<R: Serialize + JsonSchema>(
    rows: impl IntoIterator<Item = R>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let schema = schema_of::<R>("");
    let fields: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
    let columns = fields.iter().map(|(name, about)| match about["type"].as_str() {
        Some("integer") => TableColumn::number(*name),
        _ => TableColumn::text(*name),
    });
    let mut out = TableWriter::csv(out);
    out.begin("", columns.collect())?;
    for row in rows {
        let row = serde_json::to_value(row)?;
        out.row(fields.iter().map(|(name, _)| cell(&row[*name])))?;
    }
    out.finish()
}

/// What a variant without fields is called in JSON and CSV.
pub(super) fn word(variant: &impl Serialize) -> String {
    serde_json::to_value(variant).map_or_else(|_| String::new(), |value| cell(&value))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Line<'a> {
        name: &'a str,
        file: Option<&'a str>,
        is_there: bool,
        #[serde(flatten)]
        counts: Counts,
    }

    #[derive(Serialize, JsonSchema)]
    struct Counts {
        b: usize,
        a: i32,
    }

    #[test]
    fn a_row_has_its_fields_in_order_and_no_formula() {
        let line = |name, file| Line { name, file, is_there: true, counts: Counts { b: 1, a: -2 } };
        let mut out = Vec::new();
        csv([line("=1+1", None), line("a,\"b", Some("'@x"))], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "name,file,is_there,b,a\n'=1+1,,true,1,-2\n\"a,\"\"b\",''@x,true,1,-2\n");
        let mut out = Vec::new();
        csv(Vec::<Line<'_>>::new(), &mut out).unwrap();
        assert_eq!(out, b"name,file,is_there,b,a\n");
    }
}
