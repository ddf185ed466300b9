use std::collections::BTreeMap;

use request::OrgId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which sub-partners the API is asked for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Discover {
    /// Those whose provisioning state is `active`.
    Active,
    /// Those whose provisioning state is `suspended`.
    Suspended,
    /// All of them.
    All,
}

/// The sub-partners that the API listed, for each of the manifest's `discover` values.
pub type Discovered = BTreeMap<Discover, Vec<OrgId>>;
