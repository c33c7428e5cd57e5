//! What ffprobe says of a file's packets, line by line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelrun_media::source::Packets;

fuzz_target!(|text: &str| {
    let mut packets = Packets::default();
    text.lines().for_each(|line| packets.add(line));
    let _ = packets.measured();
});
