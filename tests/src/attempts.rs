//! Which attempt encoded a track, as its folder says: `480p`, or `480p_1-2` of the second one.

/// A text without that: what all attempts have in common.
pub fn without_attempts(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('_') {
        kept.push_str(&rest[..at]);
        let is_outside = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
        let after = &rest[at + 1..];
        let word = &after[..after.find(is_outside).unwrap_or(after.len())];
        if !is_attempt(word) {
            kept.push('_');
            kept.push_str(word);
        }
        rest = &after[word.len()..];
    }
    kept + rest
}

/// Generation and attempt.
fn is_attempt(word: &str) -> bool {
    let numbers = word.strip_suffix("-again").unwrap_or(word).split_once('-');
    numbers.is_some_and(|(generation, attempt)| {
        generation.parse::<u32>().is_ok() && attempt.parse::<u32>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_is_left_out() {
        for (text, kept) in [
            ("video/480p_1-2/00001.m4s", "video/480p/00001.m4s"),
            ("id=\"main_3-1-again\"", "id=\"main\""),
            (
                "average_bandwidth_bps, x_1, 2_a-3",
                "average_bandwidth_bps, x_1, 2_a-3",
            ),
            ("_1-1_", "_"),
            ("", ""),
        ] {
            assert_eq!(without_attempts(text), kept);
        }
    }
}
