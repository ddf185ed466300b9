//! `/wholesale/subPartners`: who the partner's sub-partners are.

use serde_json::{Value, json};

use super::paging;
use crate::sandbox::{
    Envelope, SubPartner,
    call::{Call, Fields, field},
    reply::Reply,
    world::World,
};

const PATH: &str = "/wholesale/subPartners";

/// The page of the list that the query asks for.
pub(super) fn list(world: &World, call: &Call, query: &Fields) -> Result<Reply, Reply> {
    let config = &world.config.sub_partners;
    let wanted = field(query, "provisioningState");
    let size = paging::page_size(query, config.page_size)?;
    let offset = match field(query, "offset") {
        None => 0,
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| Reply::error(400, "offset must be a number."))?,
    };
    let mut rest = config
        .list
        .iter()
        .enumerate()
        .filter(|(_, partner)| wanted.is_none_or(|state| state == partner.state.as_str()))
        .skip(offset);
    let page: Vec<Value> = rest
        .by_ref()
        .take(size)
        .map(|(number, partner)| entry(number, partner))
        .collect();
    let envelope = match config.envelope {
        Envelope::Items => "items",
        Envelope::SubPartners => "subPartners",
    };
    let reply = Reply::json(200, json!({ envelope: page }));
    if rest.next().is_none() {
        return Ok(reply);
    }
    let next = (offset + size).to_string();
    let place = ("offset", next.as_str());
    Ok(paging::with_next(reply, world, call, PATH, query, place))
}

fn entry(number: usize, partner: &SubPartner) -> Value {
    json!({
        "orgId": partner.org_id,
        "subscriptionId": format!("Sub{:08}", 10_000_001 + number),
        "provisioningState": partner.state.as_str(),
        "created": "2023-02-16T14:10:18.855Z",
        "billingStartDate": "2023-02-22T13:43:41.117Z",
    })
}
