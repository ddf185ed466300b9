//! Job names, labels and organisations repeat on many rows: one copy of each is kept.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use request::{OrgId, OrgIdError};

#[derive(Debug, Default)]
pub(super) struct SharedTexts {
    words: HashSet<Arc<str>>,
    /// By spelling: different spellings of one organisation are equal.
    orgs: HashMap<Box<str>, OrgId>,
}

impl SharedTexts {
    pub(super) fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.words.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.words.insert(Arc::clone(&new));
        new
    }

    pub(super) fn org(&mut self, text: &str) -> Result<OrgId, OrgIdError> {
        if let Some(known) = self.orgs.get(text) {
            return Ok(known.clone());
        }
        let new: OrgId = text.parse()?;
        self.orgs.insert(text.into(), new.clone());
        Ok(new)
    }
}
