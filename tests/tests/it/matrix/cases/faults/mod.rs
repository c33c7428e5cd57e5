//! Honest files of kinds that are easily got wrong: what they say of themselves is not the whole of
//! it, or is not true.

pub(crate) mod chunked;
pub(crate) mod clocks;
pub(crate) mod colors;
pub(crate) mod geometry;
pub(crate) mod streams;
