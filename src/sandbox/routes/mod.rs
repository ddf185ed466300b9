//! What the API does, one file for each resource. Everything here is a plain step on the state: waiting,
//! limits and faults are decided before.

pub(super) mod files;
mod paging;
pub(super) mod reports;
mod sub_partners;
mod token;

use super::{
    call::{Asked, Call},
    reply::Reply,
    world::{State, World},
};

/// Carries out what was asked for.
pub(super) fn answer(world: &World, state: &mut State, call: &Call) -> Reply {
    match &call.asked {
        Asked::Create(Ok(request)) => reports::create(world, state, call, request),
        Asked::Create(Err(reply)) => reply.clone(),
        Asked::List(query) => reports::list(world, state, call, query).unwrap_or_else(|bad| bad),
        Asked::Get(id) => reports::get(world, state, id),
        Asked::Delete(id) => reports::delete(state, id),
        Asked::SubPartners(query) => {
            sub_partners::list(world, call, query).unwrap_or_else(|bad| bad)
        }
        Asked::Token(form) => token::renew(world, state, form.as_ref()),
    }
}
