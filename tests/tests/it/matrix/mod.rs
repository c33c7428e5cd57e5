//! The matrix: what the world uploads, through the real stack, and whether each video ends as it
//! should.
//!
//! A row is a file and its end. All files show the same card, so that orientation, colours, every
//! frame's place, and whether picture and sound are together can be measured in what is published;
//! `instruments` shows that each of these measures tells right from wrong.

mod beyond;
pub(crate) mod bytes;
mod case;
mod cases;
mod instruments;
mod judge;
mod noise;
mod runner;

use cases::{
    codecs, colors, containers, damaged, faults, names, refused, shapes, sounds, streams, times,
};

#[test]
fn containers() {
    runner::run(&containers::cases());
}

#[test]
fn codecs() {
    runner::run(&codecs::cases());
}

#[test]
fn colors() {
    runner::run(&colors::cases());
}

#[test]
fn times() {
    runner::run(&times::cases());
}

#[test]
fn shapes() {
    runner::run(&shapes::cases());
}

#[test]
fn sounds() {
    runner::run(&sounds::cases());
}

#[test]
fn streams() {
    runner::run(&streams::cases());
}

#[test]
fn damaged() {
    runner::run(&damaged::cases());
}

#[test]
fn refused() {
    runner::run(&refused::cases());
}

#[test]
fn names() {
    runner::run(&names::cases());
}

#[test]
fn fault_geometry() {
    runner::run(&faults::geometry::cases());
}

#[test]
fn fault_streams() {
    runner::run(&faults::streams::cases());
}

#[test]
fn fault_clocks() {
    runner::run(&faults::clocks::cases());
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_in_chunks() {
    runner::run_in_chunks(&faults::chunked::cases()).await;
}

#[test]
fn fault_colors() {
    runner::run(&faults::colors::cases());
}
