//! Every test that sees the whole: one program, for each would link the AWS SDK anew.
//!
//! A module's tests are asked for by its name: `cargo reelrun test -E 'test(/^chunks::/)'`.
//! `.config/nextest.toml` knows by the same names which of them need a stack to themselves.
#![expect(clippy::unwrap_used, reason = "this is test code")]

mod attacks;
mod chunks;
mod complete;
mod deployments;
mod edge;
mod fault_matrix;
mod faults;
mod handlers;
mod kills;
mod library;
mod lookups;
mod matrix;
mod multipart;
mod notifications;
mod openapi;
mod partial;
mod pipeline;
mod private;
mod roles;
mod runs;
mod sandbox;
mod security;
mod smoke;
mod sweep;
mod tls;
mod tracks;
mod upload;
