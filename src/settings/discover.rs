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
