//! What templates do to texts and numbers.

use std::{borrow::Borrow, fmt::Display};

use askama::{Result, Values, filter_fn};
use chrono::{DateTime, Utc};

use super::{github, words};
use crate::text;

#[filter_fn]
pub fn one_line<T: Display>(of: T, _: &dyn Values) -> Result<String> {
    Ok(text::one_line(&of.to_string()))
}

#[filter_fn]
pub fn count<N: Borrow<usize>>(n: N, _: &dyn Values, what: &str) -> Result<String> {
    Ok(text::count(*n.borrow(), what))
}

#[filter_fn]
pub fn grouped<N: Borrow<usize>>(n: N, _: &dyn Values) -> Result<String> {
    Ok(words::grouped(*n.borrow()))
}

#[filter_fn]
pub fn time<T: Borrow<DateTime<Utc>>>(at: T, _: &dyn Values) -> Result<String> {
    Ok(words::time(*at.borrow()).to_string())
}

#[filter_fn]
pub fn cell<T: Display>(of: T, _: &dyn Values) -> Result<String> {
    Ok(github::cell(&of.to_string()))
}

/// Foreign text as XML 1.0 can hold it, on one line.
#[filter_fn]
pub fn xml<T: Display>(of: T, _: &dyn Values) -> Result<String> {
    let line = text::one_line(&of.to_string());
    Ok(line.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
}
