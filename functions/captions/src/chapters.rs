//! Chapters: what ffprobe says of a file's, or somebody uploaded as WebVTT, and what players read.
//!
//! Browsers and DASH players read a WebVTT file. Apple's players read JSON, that a master playlist names
//! as session data: `#EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.chapters",URI="…"`
//! ([`SESSION_DATA_ID`]).

use serde::Deserialize;
use serde_json::json;

use crate::{
    cues::{Cue, Cues},
    language::LanguageTag,
    settings::Settings,
    text::CueText,
    time::Timestamp,
};

/// The session data that holds chapters for Apple's players.
pub const SESSION_DATA_ID: &str = "com.apple.hls.chapters";

/// The most chapters that are kept; menus are for people.
pub const MAX_CHAPTERS: usize = 1000;

/// Characters of a title.
const MAX_TITLE: usize = 200;

/// A chapter as ffprobe describes it (`-show_chapters -of json`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ProbedChapter {
    /// Seconds to a tick, as a fraction: `1/1000`.
    pub time_base: String,
    /// Its beginning, in ticks.
    pub start: i64,
    /// Its end, in ticks.
    pub end: i64,
    /// What the file says of it.
    pub tags: ProbedTags,
}

/// What a file says of a chapter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ProbedTags {
    /// Its title.
    pub title: String,
}

/// One chapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends: by the next one's beginning, at the latest.
    pub until: Timestamp,
    /// Its title, one line, never blank.
    pub title: String,
}

/// Chapters in order, none of which overlaps another or reaches beyond the video.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chapters(Vec<Chapter>);

impl Chapters {
    /// The chapters of a video of this length, from what ffprobe says. Times are counted from this one, in
    /// microseconds of the file's clock.
    pub fn from_probe(probed: &[ProbedChapter], clock_start_us: i64, length: Timestamp) -> Self {
        let chapters = probed.iter().filter_map(|chapter| {
            let ms = |ticks| in_ms(ticks, &chapter.time_base, clock_start_us);
            Some((
                ms(chapter.start)?,
                ms(chapter.end)?,
                chapter.tags.title.clone(),
            ))
        });
        Self::new(chapters, length)
    }

    /// The chapters of a video of this length, from an uploaded file's cues.
    pub fn from_cues(cues: &Cues, length: Timestamp) -> Self {
        let chapters = cues
            .iter()
            .map(|cue| (cue.from(), cue.until(), cue.text().plain()));
        Self::new(chapters, length)
    }

    fn new(given: impl Iterator<Item = (Timestamp, Timestamp, String)>, length: Timestamp) -> Self {
        let mut given: Vec<_> = given.filter(|(from, ..)| *from < length).collect();
        given.sort_by_key(|(from, ..)| *from);
        // Of those that begin together, only one could be chosen.
        given.dedup_by_key(|(from, ..)| *from);
        given.truncate(MAX_CHAPTERS);
        let nexts: Vec<_> = given
            .iter()
            .skip(1)
            .map(|(from, ..)| *from)
            .chain([length])
            .collect();
        let chapters = (1..)
            .zip(given)
            .zip(nexts)
            .map(|((number, (from, until, title)), next)| Chapter {
                from,
                // Some writers know no end.
                until: if until > from { until.min(next) } else { next },
                title: one_line(&title).unwrap_or_else(|| format!("Chapter {number}")),
            });
        Self(chapters.collect())
    }

    /// The chapters, the earliest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Chapter> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A WebVTT file for `<track kind="chapters">`.
    pub fn to_webvtt(&self) -> String {
        let cues = self.0.iter().filter_map(|chapter| {
            Some(Cue {
                from: chapter.from,
                until: chapter.until,
                settings: Settings::default(),
                text: CueText::literal(&chapter.title)?,
            })
        });
        Cues::new(cues.collect()).to_webvtt()
    }

    /// The JSON that Apple's players read.
    pub fn to_json(&self, language: &LanguageTag) -> String {
        let seconds = |time: Timestamp| time.ms() as f64 / 1000.0;
        let chapters = (1..).zip(&self.0).map(|(number, chapter)| {
            json!({
                "chapter": number,
                "start-time": seconds(chapter.from),
                "duration": seconds(Timestamp::from_ms(chapter.until.ms() - chapter.from.ms())),
                "titles": [{ "language": language.as_str(), "title": chapter.title }],
            })
        });
        chapters.collect::<serde_json::Value>().to_string()
    }
}

impl<'a> IntoIterator for &'a Chapters {
    type Item = &'a Chapter;
    type IntoIter = std::slice::Iter<'a, Chapter>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Ticks as a time, rounded down; `None` if there is no such clock. What is before the beginning is at
/// the beginning.
fn in_ms(ticks: i64, time_base: &str, clock_start_us: i64) -> Option<Timestamp> {
    let (num, den) = time_base.split_once('/')?;
    let (num, den) = (num.parse::<u32>().ok()?, den.parse::<u32>().ok()?);
    let us = (i128::from(ticks) * i128::from(num) * 1_000_000).checked_div(den.into())?;
    let ms = (us - i128::from(clock_start_us)).max(0) / 1000;
    Some(Timestamp::from_ms(u64::try_from(ms).unwrap_or(u64::MAX)))
}

/// A title on one line, without what can't be seen; `None` if that leaves nothing.
fn one_line(title: &str) -> Option<String> {
    let text = CueText::literal(&title.replace(['\r', '\n'], " "))?;
    Some(text.plain().chars().take(MAX_TITLE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    const HOUR: Timestamp = Timestamp::from_ms(3_600_000);

    fn probed(json: &str) -> Chapters {
        let probed: Vec<ProbedChapter> = serde_json::from_str(json).unwrap();
        Chapters::from_probe(&probed, 0, HOUR)
    }

    #[test]
    fn chapters_of_a_file_are_written_for_all_players() {
        let chapters = probed(
            r#"[
            {"id": 0, "time_base": "1/1000", "start": 0, "start_time": "0.000000", "end": 90500, "end_time": "90.500000", "tags": {"title": "Opening & <titles>"}},
            {"id": 1, "time_base": "1/1000000000", "start": 90500000000, "end": 200000000000, "tags": {"title": "שלום\nעולם"}},
            {"id": 2, "time_base": "1/1000", "start": 200000, "end": 4000000}
            ]"#,
        );
        insta::assert_snapshot!("webvtt", chapters.to_webvtt());
        let json = chapters.to_json(&LanguageTag::parse("en").unwrap());
        insta::assert_snapshot!("json", json.replace("},{\"chapter", "},\n{\"chapter"));
        // The file is one that is read again as the same chapters.
        let cues = read(chapters.to_webvtt().as_bytes()).unwrap().cues;
        assert_eq!(Chapters::from_cues(&cues, HOUR), chapters);
    }

    #[test]
    fn odd_chapters_are_put_in_order() {
        let chapters = probed(
            r#"[
            {"time_base": "1/1", "start": 20, "end": 40, "tags": {"title": "overlaps"}},
            {"time_base": "1/1", "start": -5, "end": 10, "tags": {"title": "before 0"}},
            {"time_base": "1/1", "start": 30, "end": 30, "tags": {"title": "no end"}},
            {"time_base": "1/1", "start": 30, "end": 31, "tags": {"title": "twice"}},
            {"time_base": "1/0", "start": 50, "end": 60},
            {"time_base": "", "start": 50, "end": 60},
            {"time_base": "4294967295/1", "start": 9223372036854775807, "end": 1},
            {"time_base": "1/1", "start": 3599, "end": 9223372036854775807, "tags": {"title": " \u0000\u200b "}},
            {"time_base": "1/1", "start": 3600, "end": 3700}
            ]"#,
        );
        let list: Vec<_> = chapters
            .iter()
            .map(|c| (c.from.ms() / 1000, c.until.ms() / 1000, &*c.title))
            .collect();
        assert_eq!(
            list,
            [
                (0, 10, "before 0"),
                (20, 30, "overlaps"),
                (30, 3599, "no end"),
                (3599, 3600, "\u{fffd}\u{200b}")
            ]
        );
    }

    #[test]
    fn chapters_are_bounded() {
        let many = vec![
            ProbedChapter {
                time_base: "1/1000".into(),
                tags: ProbedTags {
                    title: "é".repeat(1000)
                },
                ..ProbedChapter::default()
            };
            2000
        ];
        let many: Vec<_> = (0..)
            .zip(many)
            .map(|(start, chapter)| ProbedChapter { start, ..chapter })
            .collect();
        let chapters = Chapters::from_probe(&many, 0, HOUR);
        assert_eq!(chapters.len(), MAX_CHAPTERS);
        assert!(
            chapters
                .iter()
                .all(|chapter| chapter.title.chars().count() == MAX_TITLE)
        );
    }
}
