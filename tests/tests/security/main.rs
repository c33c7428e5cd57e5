//! What a stranger tries: files that are no videos, and a stack that is not theirs.
#![expect(clippy::unwrap_used, reason = "this is test code")]

mod local_stack;
mod served;
mod uploads;
