//! The story of a user, step by step; each module is one.

pub(super) mod api;
pub(super) mod delivery;
pub(super) mod library;
pub(super) mod page;
pub(super) mod pictures;
pub(super) mod playback;
mod refusals;
pub(super) mod storage;
pub(super) mod tracks;
pub(super) mod uploads;
pub(super) mod webhook;
