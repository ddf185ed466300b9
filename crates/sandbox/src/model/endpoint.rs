//! What can be asked of the API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One operation of the API.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /wholesale/billing/reports`
    Create,
    /// `GET /wholesale/billing/reports`
    List,
    /// `GET /wholesale/billing/reports/{id}`
    Get,
    /// `DELETE /wholesale/billing/reports/{id}`
    Delete,
    /// `GET /wholesale/subPartners`
    SubPartners,
    /// `POST /access_token`
    Token,
}
