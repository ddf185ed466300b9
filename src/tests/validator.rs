//! JSON checked by the schemas that we give away.

use serde_json::Value;

/// A schema, ready to check.
pub(crate) struct Validator {
    schemas: boon::Schemas,
    index: boon::SchemaIndex,
}

impl Validator {
    /// # Panics
    /// It is not a schema.
    pub(crate) fn new(schema: &Value) -> Self {
        const NAME: &str = "memory:///schema.json";
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource(NAME, schema.clone()).unwrap();
        let index = compiler.compile(NAME, &mut schemas).unwrap();
        Validator { schemas, index }
    }

    /// # Errors
    /// What in `json` the schema does not allow.
    pub(crate) fn validate(&self, json: &Value) -> Result<(), String> {
        let result = self.schemas.validate(json, self.index);
        result.map_err(|error| error.to_string())
    }
}
