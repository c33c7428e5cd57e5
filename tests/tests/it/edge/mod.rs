//! The gate to private videos: the file that is deployed at the edge, executed here. None of this needs
//! a stack.

mod agreement;
mod gate;
mod samples;
