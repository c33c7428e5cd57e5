//! Every call that a function makes to AWS, broken in every way: the video still comes to its right
//! end, and a client to its answer. Each test prints its table.

mod api;
mod embedded;
mod moves;
mod ready_video;
mod steps;
mod stopped;
mod table;
mod tracks;
mod videos;
