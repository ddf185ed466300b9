//! Which columns the files have.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};

use request::ReportType;

/// `header:` of the files, by report type. Each entry is a name and the column that it is the name of; without a
/// column, its cells are empty.
pub type Header = BTreeMap<ReportType, Vec<BTreeMap<String, Option<String>>>>;

const OF_PARTNER: &str =
    "BILLING_START_DATE,BILLING_END_DATE,SUB_PARTNER_ORG_ID,SKU,PRODUCT,QUANTITY,CONSUMPTION";
const OF_CUSTOMER: &str = "BILLING_START_DATE,BILLING_END_DATE,SUB_PARTNER_ORG_ID,CUSTOMER_ORG_ID,\
     CUSTOMER_NAME,CUSTOMER_EXTERNAL_ID,SKU,PRODUCT,LICENSE_ID,QUANTITY,CONSUMPTION";
const OF_USER: &str = "BILLING_START_DATE,BILLING_END_DATE,SUB_PARTNER_ORG_ID,CUSTOMER_ORG_ID,\
     CUSTOMER_NAME,CUSTOMER_EXTERNAL_ID,USER_ID,SKU,PRODUCT,LICENSE_ID,QUANTITY,CONSUMPTION";

/// The columns that a type has.
fn all(kind: ReportType) -> impl Iterator<Item = &'static str> {
    let header = match kind {
        ReportType::Partner => OF_PARTNER,
        ReportType::Customer => OF_CUSTOMER,
        ReportType::User => OF_USER,
    };
    header.split(',')
}

/// Names of a type's columns, and what they are the names of.
pub(super) fn columns(header: &Header, kind: ReportType) -> Vec<(&str, &str)> {
    let Some(named) = header.get(&kind) else {
        return all(kind).map(|name| (name, name)).collect();
    };
    let named = named.iter().flatten();
    named.map(|(name, column)| (name.as_str(), column.as_deref().unwrap_or_default())).collect()
}

/// A header that files can have.
pub(super) fn valid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Header, D::Error> {
    let header = Header::deserialize(deserializer)?;
    for (kind, named) in &header {
        let mut columns = named.iter().flat_map(BTreeMap::values).flatten();
        let unknown = columns.find(|column| all(*kind).all(|name| name != *column));
        let why = if let Some(unknown) = unknown {
            let known: Vec<&str> = all(*kind).collect();
            format!("{unknown:?} is not one of {}", known.join(", "))
        } else if named.is_empty() || named.iter().any(|names| names.len() != 1) {
            "write `- NAME: COLUMN` for each of its columns".to_owned()
        } else {
            continue;
        };
        return Err(de::Error::custom(format!("the header of {kind}: {why}")));
    }
    Ok(header)
}
