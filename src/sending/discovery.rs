use super::{ReadError, Session};
use crate::{
    api::Api,
    manifest::{Discover, Discovered},
};

#[derive(Debug, Clone, PartialEq)]
pub enum DiscoveryError {
    /// The API has none of that kind, so the manifest bills nobody. Exit code 2.
    Nobody(Discover),
    /// The API could not be read. Exit code 3.
    Read(ReadError),
}

pub async fn discover<A: Api>(
    session: &Session<'_, A>,
    kinds: impl IntoIterator<Item = Discover>,
) -> Result<Discovered, DiscoveryError> {
    let mut found = Discovered::new();
    for which in kinds {
        let listed = session.sub_partners(which).await.map_err(DiscoveryError::Read)?;
        if listed.is_empty() {
            return Err(DiscoveryError::Nobody(which));
        }
        found.insert(which, listed);
    }
    Ok(found)
}
