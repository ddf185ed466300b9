//! Each world plays what it says.
