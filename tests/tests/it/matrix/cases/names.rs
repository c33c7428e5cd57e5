//! File names: whatever a person calls a file comes back as it was.

use crate::matrix::case::{Case, H264};

pub(crate) fn cases() -> Vec<Case> {
    let long = format!("{}{}.mp4", "ä".repeat(125), "x");
    assert_eq!(long.len(), 255);
    [
        ("spaces", " our holiday  2024 .mp4"),
        ("quotes", "\"she's\" `here`.mp4"),
        ("signs of addresses", "a&b=c%20d+e?f#g;h.mp4"),
        ("percent", "100%.mp4"),
        ("emoji", "🎬👨‍👩‍👧‍👦🇩🇪.mp4"),
        ("right to left", "עברית \u{202e}العربية.mp4"),
        ("combined and composed", "e\u{301}é ﬁ.mp4"),
        ("folders", "../../etc/passwd\\..\\x.mp4"),
        ("a command", "$(reboot); -i x | rm -rf *.mp4"),
        ("255 bytes", &long),
    ]
    .into_iter()
    .map(|(name, file)| {
        Case::new(name, "mp4", &format!("{H264} -c:a aac"))
            .size(64, 48)
            .rate((25, 1), 5)
            .named(file)
    })
    .collect()
}
