//! What S3, the table's stream and the state machine send.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelrun_core::{
    change,
    event::{self, Record},
    notice::{Links, Notice, Receivers},
    task::{self, Task},
    timestamp::Timestamp,
};
use serde::Deserialize as _;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let Ok(event) = serde_json::from_slice::<Value>(text) else {
        return;
    };
    for record in event::parse(&event) {
        // Whatever the key, only a video's own source is ever named.
        if let Record::Source(source) = record {
            assert_eq!(source.folder.video.to_string().len(), 36);
        }
    }
    let _ = event::parse_tracks(&event, "bucket");
    for change in change::parse(&event) {
        let _ = change.drained_at(Timestamp::from_secs(0));
        let links = Links {
            media: "https://cdn",
            page: "https://page",
        };
        let to = Receivers {
            webhooks: &["name".into()],
            mail: true,
        };
        let _ = Notice::of(&change, links, to, Timestamp::from_secs(0));
    }
    if task::is_task(&event) {
        let _ = Task::deserialize(&event);
    }
});
