//! Cues cut into WebVTT segments, for HLS.
//!
//! Each segment is a WebVTT file of its own, with the cues that are shown at any time in it. Their times
//! are those of the whole video, and `X-TIMESTAMP-MAP` says where that begins on the clock of the
//! picture, in MPEG's 90 kHz: our renditions begin at 0, whatever the source did, so it is 0.

use std::fmt::{self, Write as _};

use crate::cues::{Cue, Cues};

/// Where segments are cut: where those of the picture are, so that all playlists have as many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentGrid {
    timescale: u32,
    ticks: Vec<u64>,
    target_duration: u64,
    media_start: u64,
}

impl SegmentGrid {
    /// The lengths of the segments in ticks, so many of which are a second, and the target duration that
    /// all of the video's playlists state, in seconds.
    pub fn new(timescale: u32, ticks: impl IntoIterator<Item = u64>, target_duration: u64) -> Self {
        Self {
            timescale: timescale.max(1),
            ticks: ticks.into_iter().collect(),
            target_duration,
            media_start: 0,
        }
    }

    /// For media of which the first sample's time is not 0, but so many ticks of 90 kHz.
    #[must_use]
    pub fn starting_at(mut self, ticks_90khz: u64) -> Self {
        // MPEG's clock has 33 bits.
        self.media_start = ticks_90khz & ((1 << 33) - 1);
        self
    }

    /// How many segments.
    pub fn len(&self) -> usize {
        self.ticks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }

    /// Where the segments begin, and where the last one ends, in ticks.
    fn cuts(&self) -> Vec<u128> {
        let mut end = 0;
        let ends = self.ticks.iter().map(|ticks| {
            end += u128::from(*ticks);
            end
        });
        std::iter::once(0).chain(ends).collect()
    }

    fn header(&self) -> String {
        let start = self.media_start;
        format!("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{start},LOCAL:00:00:00.000\n\n")
    }
}

/// The most that all segments of a track may have together. A cue is in each segment that it is shown
/// in: a few that last for hours are fine, thousands of them would be gigabytes.
pub const MAX_SEGMENTS_BYTES: u64 = 64 << 20;

/// Too much is said for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "The subtitles would take more than {} MB, because too many are shown for too long: {cues} last for more than a minute. Check when they end.",
    MAX_SEGMENTS_BYTES >> 20
)]
pub struct TooMuch {
    /// Cues that last for more than a minute.
    pub cues: usize,
}

/// A track's segments, each written when it is asked for.
#[derive(Debug, Clone)]
pub struct Segments<'a> {
    grid: &'a SegmentGrid,
    cues: Vec<Vec<&'a Cue>>,
}

impl Cues {
    /// Cuts the cues into a grid's segments. What comes after the last segment is never shown, and is in
    /// none.
    pub fn segments<'a>(&'a self, grid: &'a SegmentGrid) -> Result<Segments<'a>, TooMuch> {
        let cuts = grid.cuts();
        let mut cues: Vec<Vec<&Cue>> = vec![Vec::new(); grid.len()];
        let mut bytes = grid.header().len() as u64 * grid.len() as u64;
        let mut written = String::new();
        for cue in self {
            // Ticks are not whole milliseconds, so both are made finer.
            let scaled = |ms: u64| u128::from(ms) * u128::from(grid.timescale);
            let (from, until) = (scaled(cue.from().ms()), scaled(cue.until().ms()));
            // From the last segment that begins by then, to the last that begins before the end.
            let first = cuts.partition_point(|cut| cut * 1000 <= from) - 1;
            let end = cuts
                .partition_point(|cut| cut * 1000 < until)
                .min(grid.len());
            if first >= end {
                continue;
            }
            written.clear();
            cue.write(&mut written);
            bytes += written.len() as u64 * (end - first) as u64;
            if bytes > MAX_SEGMENTS_BYTES {
                let is_long = |cue: &&Cue| cue.until().ms() - cue.from().ms() > 60_000;
                let cues = self.iter().filter(is_long).count();
                return Err(TooMuch { cues });
            }
            for segment in &mut cues[first..end] {
                segment.push(cue);
            }
        }
        Ok(Segments { grid, cues })
    }
}

impl Segments<'_> {
    /// How many: as many as the picture has.
    pub fn len(&self) -> usize {
        self.cues.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cues.is_empty()
    }

    /// The segments' names and contents, in order.
    pub fn iter(&self) -> impl Iterator<Item = (SegmentName, String)> {
        (1..).zip(&self.cues).map(|(number, cues)| {
            let mut file = self.grid.header();
            for cue in cues {
                cue.write(&mut file);
            }
            // An empty line ends the last cue: ffmpeg reads segments as if they were one file.
            (SegmentName(number), file)
        })
    }

    /// The media playlist, for beside the segments.
    pub fn playlist(&self) -> String {
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PLAYLIST-TYPE:VOD\n",
            self.grid.target_duration,
        );
        for (ticks, number) in self.grid.ticks.iter().zip(1..) {
            let seconds = *ticks as f64 / f64::from(self.grid.timescale);
            let _ = writeln!(text, "#EXTINF:{seconds:.6},\n{}", SegmentName(number));
        }
        text.push_str("#EXT-X-ENDLIST\n");
        text
    }
}

/// A segment's name beside its playlist, by its number from 1: `00001.vtt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentName(pub u32);

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}.vtt", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{cues::tests::subtitle_file, read};

    /// 29.97 frames per second: three GOPs of 60 frames, of which the last is cut short.
    fn ntsc(segments: usize) -> SegmentGrid {
        let whole = std::iter::repeat_n(180 * 1001, segments - 1);
        SegmentGrid::new(30_000, whole.chain([30 * 1001]), 6)
    }

    fn cues(text: &str) -> Cues {
        read(format!("WEBVTT\n\n{text}").as_bytes()).unwrap().cues
    }

    #[test]
    fn a_cue_is_in_each_segment_that_it_is_shown_in() {
        let cues = cues(
            "00:01.000 --> 00:02.000\none\n\n00:05.000 --> 00:13.000\nthree\n\n\
             00:24.000 --> 00:24.025\nlast\n\n00:26.000 --> 00:27.000\nafter the end",
        );
        let grid = ntsc(5);
        let segments = cues.segments(&grid).unwrap();
        let files: Vec<_> = segments
            .iter()
            .map(|(name, file)| format!("{name}\n{file}"))
            .collect();
        insta::assert_snapshot!("segments", files.join("=====\n"));
        insta::assert_snapshot!("playlist", segments.playlist());
    }

    #[test]
    fn a_cue_at_a_cut_is_on_its_own_side() {
        let grid = SegmentGrid::new(1000, [6000, 6000, 6000], 6);
        let cues = cues(
            "00:05.000 --> 00:06.000\na\n\n00:06.000 --> 00:12.000\nb\n\n00:11.999 --> 00:12.001\nc",
        );
        let segments = cues.segments(&grid).unwrap();
        let texts: Vec<String> = segments
            .cues
            .iter()
            .map(|cues| cues.iter().map(|cue| cue.text().plain()).collect())
            .collect();
        assert_eq!(texts, ["a", "bc", "c"]);
        // 6.006 s is not in the segment that ends there.
        let grid = ntsc(2);
        let cues = self::cues("00:06.006 --> 00:06.500\na");
        assert!(cues.segments(&grid).unwrap().cues[0].is_empty());
    }

    #[test]
    fn the_clock_of_the_picture_may_begin_elsewhere() {
        let grid = SegmentGrid::new(1, [6], 6).starting_at((1 << 33) + 900_000);
        let cues = cues("00:01.000 --> 00:02.000\na");
        let (_, file) = cues.segments(&grid).unwrap().iter().next().unwrap();
        assert!(
            file.starts_with("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n"),
            "{file}"
        );
    }

    #[test]
    fn a_long_cue_is_fine_and_thousands_are_refused() {
        let grid = SegmentGrid::new(1, vec![6; 1800], 6);
        let long = "00:00.000 --> 03:00:00.000\nNo signal\n\n";
        let one = cues(long);
        let segments = one.segments(&grid).unwrap();
        assert!(segments.iter().all(|(_, file)| file.contains("No signal")));
        let error = cues(&long.repeat(100_000)).segments(&grid).unwrap_err();
        assert_eq!(error, TooMuch { cues: 100_000 });
    }

    proptest! {
        #[test]
        fn segments_have_each_cue_where_it_is_shown(file in subtitle_file(), lengths in proptest::collection::vec(1u64..20_000, 0..20)) {
            let Ok(captions) = read(file.as_bytes()) else { return Ok(()) };
            let grid = SegmentGrid::new(1001, lengths.clone(), 20);
            let segments = captions.cues.segments(&grid).unwrap();
            prop_assert_eq!(segments.len(), lengths.len());
            let mut start = 0;
            for (length, (_, file)) in lengths.iter().zip(segments.iter()) {
                let end = start + length;
                let shown = |cue: &&Cue| cue.from().ms() * 1001 < end * 1000 && cue.until().ms() * 1001 > start * 1000;
                let expected: Vec<_> = captions.cues.iter().filter(shown).cloned().collect();
                let found = read(file.as_bytes()).map(|read| read.cues.iter().cloned().collect::<Vec<_>>());
                prop_assert_eq!(found.unwrap_or_default(), expected);
                start = end;
            }
            let playlist = m3u8_rs::parse_media_playlist_res(segments.playlist().as_bytes()).unwrap();
            prop_assert!(playlist.end_list);
            prop_assert_eq!(playlist.segments.len(), lengths.len());
        }
    }
}
