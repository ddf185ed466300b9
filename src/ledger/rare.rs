use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use request::ReportId;

/// A `T` that few rows have: eight bytes while it is empty, on the heap otherwise.
#[derive(Clone)]
pub struct Rare<T>(Option<Box<T>>);

pub trait Empty: Default + PartialEq + 'static {
    fn empty() -> &'static Self;

    fn is_empty(&self) -> bool;
}

macro_rules! empty {
    ($($type:ty: $value:expr;)+) => {
        $(impl Empty for $type {
            fn empty() -> &'static Self {
                static EMPTY: $type = $value;
                &EMPTY
            }

            fn is_empty(&self) -> bool {
                <$type>::is_empty(self)
            }
        })+
    };
}

empty! {
    String: String::new();
    Vec<String>: Vec::new();
    Vec<ReportId>: Vec::new();
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Rare(None)
    }
}

impl<T: Empty> From<T> for Rare<T> {
    fn from(value: T) -> Self {
        Rare((!value.is_empty()).then(|| Box::new(value)))
    }
}

impl<T> FromIterator<T> for Rare<Vec<T>>
where
    Vec<T>: Empty,
{
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Rare::from(items.into_iter().collect::<Vec<_>>())
    }
}

impl<T: Empty> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::empty())
    }
}

impl<T: Empty> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Empty> PartialEq for Rare<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Empty + Eq> Eq for Rare<T> {}

impl<T: Empty + fmt::Debug> fmt::Debug for Rare<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Empty + fmt::Display> fmt::Display for Rare<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<'r, T> IntoIterator for &'r Rare<Vec<T>>
where
    Vec<T>: Empty,
{
    type Item = &'r T;
    type IntoIter = std::slice::Iter<'r, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
