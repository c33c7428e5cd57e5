//! The rows, by what is special about them.

pub(crate) mod codecs;
pub(crate) mod colors;
pub(crate) mod containers;
pub(crate) mod damaged;
pub(crate) mod faults;
pub(crate) mod names;
pub(crate) mod refused;
pub(crate) mod shapes;
pub(crate) mod sounds;
pub(crate) mod streams;
pub(crate) mod times;
