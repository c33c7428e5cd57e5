//! Text from users that is shown to others: in pages, mails and logs.

/// A text without what can't be seen but changes how the rest is read: control characters (NUL, line
/// breaks, escapes) and those that reverse the direction of writing, with which `exe.4pm` is shown as
/// `mp4.exe`. Letters of scripts that are written from right to left stay as they are.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !is_hidden(*c)).collect()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Separators of lines and paragraphs, and the mark of byte order.
            | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_goes_and_letters_stay() {
        assert_eq!(printable("a\0b\r\nc\u{1b}[31m\u{85}"), "abc[31m");
        assert_eq!(printable("\u{202e}4pm.exe\u{2066}\u{200f}"), "4pm.exe");
        for text in ["Ferien in Malmö 🎬", "שלום", "नमस्ते", "👩‍👧", "  "]
        {
            assert_eq!(printable(text), text);
        }
    }
}
