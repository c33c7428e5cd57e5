//! The first bytes of whatever is uploaded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelrun_media::source::Container;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(container) = Container::of(bytes) {
        assert!(!container.demuxers().is_empty());
    }
});
