use serde_json::{Value, json};

use super::{
    ask::{Place, SubPartnersAsk},
    config::{Envelope, SubPartner, SubPartnersConfig},
    list::page_size,
    org,
    reply::Reply,
};

pub(super) fn page(config: &SubPartnersConfig, ask: &SubPartnersAsk) -> Reply {
    let size = page_size(ask.max, config.page_size);
    let wanted = ask.state.as_deref();
    let mut rest = config
        .list
        .iter()
        .enumerate()
        .filter(|(_, partner)| wanted.is_none_or(|state| json!(partner.state) == state))
        .skip(ask.offset);
    let page: Vec<Value> =
        rest.by_ref().take(size).map(|(number, partner)| entry(config, number, partner)).collect();
    let envelope = match config.envelope {
        Envelope::Items => "items",
        Envelope::SubPartners => "subPartners",
    };
    let mut reply = Reply::json(200, json!({ envelope: page }));
    if rest.next().is_some() {
        reply.next = Some(Place::Offset(ask.offset + size));
    }
    reply
}

fn entry(config: &SubPartnersConfig, number: usize, partner: &SubPartner) -> Value {
    json!({
        "orgId": org::spelled(&partner.org_id, config.spelling),
        "subscriptionId": format!("Sub{:08}", 10_000_001 + number),
        "provisioningState": partner.state,
        "created": "2023-02-16T14:10:18.855Z",
        "billingStartDate": "2023-02-22T13:43:41.117Z",
    })
}
