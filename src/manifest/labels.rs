use std::{collections::HashMap, sync::Arc};

use super::model::{Labels, PlanWarningSource, SubPartner};
use crate::manifest::yaml::{Mistake, Quoted, Sink, SourcePlace};
use request::OrgId;

#[derive(Default)]
pub(super) struct LabelBook {
    pub(super) labels: Labels,
    places: HashMap<Arc<str>, SourcePlace>,
    ids: HashMap<OrgId, Option<Arc<str>>>,
    oddities: Vec<PlanWarningSource>,
}

impl LabelBook {
    pub(super) fn add(&mut self, sub_partner: &SubPartner, place: &SourcePlace, sink: &Sink) {
        self.note_oddities(sub_partner, place);
        let Some(label) = &sub_partner.label else {
            return;
        };
        match self.labels.get(label) {
            None => {
                self.labels.insert(Arc::clone(label), sub_partner.id.clone());
                self.places.insert(Arc::clone(label), place.clone());
            }
            Some(first) if *first == sub_partner.id => {}
            Some(first) => {
                let mistake = Mistake::new(format!(
                    "the label {} is used for two ids: {} here and {first} before",
                    Quoted(label),
                    sub_partner.id
                ))
                .help("give each sub-partner a label of its own, or correct the id");
                if let Some(first_place) = self.places.get(label) {
                    sink.report_again(place.clone(), mistake, first_place.clone());
                }
            }
        }
    }

    fn note_oddities(&mut self, sub_partner: &SubPartner, place: &SourcePlace) {
        let SubPartner { id, label } = sub_partner;
        let Some(first) = self.ids.get_mut(id) else {
            self.ids.insert(id.clone(), label.clone());
            if let Some(why) = id.why_none() {
                self.oddities.push(PlanWarningSource::NoOrganisation {
                    id: id.clone(),
                    why,
                    place: place.clone(),
                });
            }
            if id.is_from_sandbox() {
                self.oddities
                    .push(PlanWarningSource::OfSandbox { id: id.clone(), place: place.clone() });
            }
            return;
        };
        match (first, label) {
            (first @ None, label) => first.clone_from(label),
            (Some(first), Some(label)) if first != label => {
                self.oddities.push(PlanWarningSource::TwoLabels {
                    id: id.clone(),
                    first: Arc::clone(first),
                    other: Arc::clone(label),
                    place: place.clone(),
                });
            }
            _ => {}
        }
    }

    /// Once all are known.
    pub(super) fn report(self, sink: &Sink) -> (Labels, Vec<PlanWarningSource>) {
        for (label, id) in &self.labels {
            let is_id = id.as_str() != &**label
                && label.parse::<OrgId>().is_ok_and(|other| self.ids.contains_key(&other));
            if is_id && let Some(place) = self.places.get(label) {
                let mistake = Mistake::new(format!(
                    "the label {} is the id of another sub-partner",
                    Quoted(label)
                ));
                sink.report::<()>(place.clone(), mistake.help("choose another label"));
            }
        }
        (self.labels, self.oddities)
    }
}
