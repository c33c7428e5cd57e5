//! Cursors and keys: short texts that clients and events carry.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelrun_core::{
    cursor,
    keys::{RunId, parse_source_key},
    video::{Month, VideoId},
};

fuzz_target!(|text: &str| {
    if let Some(position) = cursor::decode(text) {
        assert_eq!(cursor::decode(&cursor::encode(position)), Some(position));
    }
    if let Ok(id) = text.parse::<VideoId>() {
        assert_eq!(id.to_string(), text);
        let _ = id.month();
    }
    if let Ok(month) = text.parse::<Month>() {
        assert_eq!(month.to_string(), text);
    }
    let _ = RunId::try_from(text.to_owned());
    let _ = parse_source_key(text);
});
