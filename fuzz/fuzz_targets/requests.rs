//! The bodies of requests to the API.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelrun_core::{
    keys::{Folder, StorageKey},
    upload::{
        UploadLimits, UploadRequest,
        details::DetailsChange,
        sign::{Operation, part_size},
        track::{TrackBody, TrackChange},
    },
    video::Video,
};
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(text) else {
        return;
    };
    let limits = UploadLimits {
        max_bytes: 1 << 40,
        multipart_from: 64 << 20,
    };
    let _ = DetailsChange::parse(&body);
    if let Ok(id) = "01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f".parse()
        && let Ok(mut track) = TrackBody::parse(&body, id)
    {
        assert!((1..=10 << 20).contains(&track.size_bytes));
        if let Ok(change) = TrackChange::parse(&body) {
            let _ = change.apply(&mut track);
        }
    }
    if let Ok(request) = UploadRequest::parse(&body, limits) {
        assert!(request.size_bytes > 0 && request.size_bytes <= limits.max_bytes);
        assert!(request.size_bytes.div_ceil(part_size(request.size_bytes)) <= 10_000);
    }
    let Ok(id) = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse() else {
        return;
    };
    let video = Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 1 << 30);
    if Operation::permitted(&body, &video).is_ok() {
        // Nothing but this upload's key is ever signed.
        let key = body.get("key").and_then(Value::as_str);
        assert_eq!(
            key,
            Some(&*StorageKey::Source(Folder::public(id)).to_string())
        );
    }
});
