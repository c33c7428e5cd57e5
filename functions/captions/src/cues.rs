//! What is said, and when.

use std::fmt::Write as _;

use crate::{settings::Settings, text::CueText, time::Timestamp};

/// One subtitle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) settings: Settings,
    pub(crate) text: CueText,
}

impl Cue {
    /// From when on it is shown.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// Until when it is shown, later than [`Self::from`].
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Where it stands.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// What is said.
    pub fn text(&self) -> &CueText {
        &self.text
    }

    /// Writes the cue's block, with the blank line that ends it.
    pub(crate) fn write(&self, file: &mut String) {
        let text = self.text.as_webvtt();
        let _ = write!(
            file,
            "{} --> {}{}\n{text}\n\n",
            self.from, self.until, self.settings
        );
    }
}

/// The cues of a track: at most [`MAX_CUES`](crate::MAX_CUES), sorted by their beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cues(Vec<Cue>);

impl Cues {
    pub(crate) fn new(mut cues: Vec<Cue>) -> Self {
        // Of those that begin together, the first in the file stays the first: it is shown below.
        cues.sort_by_key(|cue| cue.from);
        Self(cues)
    }

    /// The cues, the earliest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Cue> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is ever said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the last one ends.
    pub fn until(&self) -> Timestamp {
        let ends = self.0.iter().map(|cue| cue.until);
        ends.max().unwrap_or_default()
    }

    /// All of it as one WebVTT file, for DASH and for `<track>`.
    pub fn to_webvtt(&self) -> String {
        let mut file = String::from("WEBVTT\n\n");
        for cue in &self.0 {
            cue.write(&mut file);
        }
        file.pop();
        file
    }
}

impl<'a> IntoIterator for &'a Cues {
    type Item = &'a Cue;
    type IntoIter = std::slice::Iter<'a, Cue>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ReadError, read};

    #[test]
    fn cues_are_sorted_and_written_as_one_file() {
        let text = "WEBVTT\n\n00:02.000 --> 00:03.000\nlast\n\n00:01.000 --> 00:09.000 line:0\n<i>first\n\n00:01.000 --> 00:01.500\nsecond";
        let cues = read(text.as_bytes()).unwrap().cues;
        assert_eq!(cues.until(), Timestamp::from_ms(9000));
        insta::assert_snapshot!(cues.to_webvtt());
    }

    /// Subtitle files, more or less.
    pub(crate) fn subtitle_file() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[ -~\n]{0,20}",
            "\\PC{0,10}",
            Just("\n\n".to_owned()),
            Just("WEBVTT\n\n".to_owned()),
            "(<[ibucv/]{1,2}[. ]?[a-z]{0,6}>|&[a-z#0-9]{1,5};|\\{\\\\[an0-9i]{2,3}\\}|<|>|-->|&|\u{a0})",
            (0u32..100_000, 0u32..100_000).prop_map(|(from, length)| {
                let at = |ms| Timestamp::from_ms(u64::from(ms));
                format!(
                    "\n{} --> {} line:{}\n",
                    at(from),
                    at(from + length),
                    length % 7
                )
            }),
        ];
        (any::<bool>(), proptest::collection::vec(piece, 0..30)).prop_map(|(signed, pieces)| {
            let signature = if signed { "WEBVTT\n\n" } else { "" };
            signature.to_owned() + &pieces.concat()
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(file in subtitle_file()) {
            let cues = match read(file.as_bytes()) {
                Ok(captions) => captions.cues,
                Err(ReadError::Empty | ReadError::NoCues { .. } | ReadError::NoTimes { .. } | ReadError::OtherFormat { .. }) => return Ok(()),
                Err(other) => panic!("{other}"),
            };
            let written = cues.to_webvtt();
            let again = read(written.as_bytes()).unwrap();
            prop_assert_eq!(&again.cues, &cues);
            prop_assert_eq!(again.skipped.count, 0);
            prop_assert_eq!(written.matches("-->").count(), cues.len());
            for cue in &cues {
                prop_assert!(cue.from() < cue.until());
                prop_assert!(!cue.text().as_webvtt().contains("-->"));
                prop_assert!(cue.text().as_webvtt().lines().all(|line| !line.trim().is_empty()));
                let plain = cue.text().plain();
                let mut opening = plain.match_indices('<').map(|(at, _)| plain[at + 1..].chars().next());
                prop_assert!(!opening.any(|next| next.is_some_and(|c| c.is_ascii_alphabetic() || "/!?".contains(c))));
            }
        }

        #[test]
        fn no_noise_panics(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
