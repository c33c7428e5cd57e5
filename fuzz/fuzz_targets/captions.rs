//! Subtitle files, of whatever format: what is made of them is read again as the same, and is harmless.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelrun_captions::{Cue, SegmentGrid, read};

/// Whether a player that took this for HTML would see a tag in it.
fn opens_tag(text: &str) -> bool {
    let mut after = text
        .match_indices('<')
        .map(|(at, _)| text[at + 1..].chars().next());
    after.any(|next| next.is_some_and(|c| c.is_ascii_alphabetic() || "/!?".contains(c)))
}

fuzz_target!(|bytes: &[u8]| {
    let captions = match read(bytes) {
        Ok(captions) => captions,
        Err(error) => {
            assert!(!error.to_string().contains('\n'));
            return;
        }
    };
    let cues = &captions.cues;
    assert!(!cues.is_empty());
    for cue in cues {
        let text = cue.text().as_webvtt();
        assert!(cue.from() < cue.until());
        assert!(!text.contains("-->") && !opens_tag(&cue.text().plain()));
        assert!(text.lines().all(|line| !line.trim().is_empty()));
    }
    let written = cues.to_webvtt();
    let again = read(written.as_bytes()).expect("what is written can be read");
    assert_eq!(again.cues, *cues);
    assert_eq!(again.skipped.count, 0);
    if cues.len() > 200 {
        return;
    }
    // Cut anywhere, each cue is where it is shown, and as it was.
    let lengths = bytes.iter().take(50).map(|byte| u64::from(*byte) * 500 + 1);
    let grid = SegmentGrid::new(1001, lengths, 130);
    let Ok(segments) = cues.segments(&grid) else {
        return;
    };
    let mut found: Vec<Cue> = Vec::new();
    for (_, file) in segments.iter() {
        let read = read(file.as_bytes());
        found.extend(
            read.into_iter()
                .flat_map(|read| read.cues.iter().cloned().collect::<Vec<_>>()),
        );
    }
    let end: u64 = bytes
        .iter()
        .take(50)
        .map(|byte| u64::from(*byte) * 500 + 1)
        .sum();
    for cue in cues {
        assert_eq!(found.contains(cue), cue.from().ms() * 1001 < end * 1000);
    }
});
