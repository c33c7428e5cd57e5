//! What ffprobe says of a file's packets, line by line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelrun_media::source::{Container, Packets};

fuzz_target!(|text: &str| {
    // Of the one kind, the clock may leap; of the other it may not.
    for container in [Container::MpegTs, Container::Matroska] {
        let mut packets = Packets::of(container);
        text.lines().for_each(|line| packets.add(line));
        let _ = packets.measured();
    }
});
