//! Chapters, as ffprobe describes them or somebody uploads them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelrun_captions::{Chapters, LanguageTag, Timestamp, chapters::ProbedChapter, read};

const LENGTH: Timestamp = Timestamp::from_ms(3_600_000);

fuzz_target!(|bytes: &[u8]| {
    let chapters = if let Ok(probed) = serde_json::from_slice::<Vec<ProbedChapter>>(bytes) {
        Chapters::from_probe(&probed, 0, LENGTH)
    } else if let Ok(captions) = read(bytes) {
        Chapters::from_cues(&captions.cues, LENGTH)
    } else {
        return;
    };
    let mut end = Timestamp::default();
    for chapter in &chapters {
        assert!(end <= chapter.from && chapter.from < chapter.until && chapter.until <= LENGTH);
        end = chapter.until;
    }
    let json = chapters.to_json(&LanguageTag::unknown());
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(chapters.len()));
    if !chapters.is_empty() {
        let cues = read(chapters.to_webvtt().as_bytes()).expect("WebVTT").cues;
        assert_eq!(cues.len(), chapters.len());
    }
});
