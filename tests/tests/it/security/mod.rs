//! What a stranger tries: files that are no videos, and a stack that is not theirs.

mod local_stack;
mod served;
mod uploads;
