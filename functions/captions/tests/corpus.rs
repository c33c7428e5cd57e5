//! Odd files, and what is made of each: `corpus/` has the files, `snapshots/` the cues. Bytes that
//! editors don't keep are written as `\r`, `\t` and `\x00` in files that are called `.escaped`.
#![expect(clippy::unwrap_used, reason = "this is test code")]

mod files;

use std::fmt::Write as _;

use reelrun_captions::read;

#[test]
fn each_file_gives_its_cues() {
    let files = files::all();
    assert!(files.len() >= 60, "{}", files.len());
    for (name, bytes) in files {
        insta::assert_snapshot!(name, described(&bytes));
    }
}

fn described(bytes: &[u8]) -> String {
    let captions = match read(bytes) {
        Ok(captions) => captions,
        Err(error) => return error.to_string(),
    };
    let mut text = format!("{:?}, {}\n", captions.format, captions.encoding);
    for cue in &captions.cues {
        let (from, until, settings) = (cue.from(), cue.until(), cue.settings());
        let _ = write!(text, "\n{from} --> {until}{settings}\n");
        for line in cue.text().as_webvtt().lines() {
            let _ = writeln!(text, "| {}", line.escape_debug());
        }
    }
    if captions.skipped.count > 0 {
        let _ = writeln!(text, "\nskipped: {}", captions.skipped.count);
    }
    for problem in &captions.skipped.first {
        let _ = writeln!(text, "{problem}");
    }
    // Whatever came in, what goes out is read again as the same.
    let again = read(captions.cues.to_webvtt().as_bytes()).unwrap();
    assert_eq!(again.cues, captions.cues);
    text
}
