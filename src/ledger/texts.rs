//! Job names, labels and organisations repeat on many rows: one copy of each is kept.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use request::{OrgId, OrgIdError};

/// The copies.
#[derive(Debug, Default)]
pub(super) struct SharedTexts {
    words: HashSet<Arc<str>>,
    /// By how they are spelled: spellings of one organisation are equal.
    orgs: HashMap<Box<str>, OrgId>,
}

impl SharedTexts {
    /// The copy of `text`.
    pub(super) fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.words.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.words.insert(Arc::clone(&new));
        new
    }

    /// The organisation that is spelled `text`.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn org(&mut self, text: &str) -> Result<OrgId, OrgIdError> {
        if let Some(known) = self.orgs.get(text) {
            return Ok(known.clone());
        }
        let new: OrgId = text.parse()?;
        self.orgs.insert(text.into(), new.clone());
        Ok(new)
    }
}
