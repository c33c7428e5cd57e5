//! A storyboard's WebVTT, as players read it.

/// A picture: when it is shown, and which part of which sheet it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cue {
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    pub(super) sheet: String,
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    pub(super) height: u64,
}

/// Reads the cues; they follow each other without a gap.
pub(super) fn cues(text: &str) -> Result<Vec<Cue>, String> {
    let mut lines = text.lines();
    if lines.next().map(str::trim) != Some("WEBVTT") {
        return Err("it does not begin with WEBVTT".into());
    }
    let mut cues: Vec<Cue> = Vec::new();
    while let Some(line) = lines.next() {
        let Some((start, end)) = line.split_once(" --> ") else {
            continue;
        };
        let what = lines.next().unwrap_or_default();
        let cue = cue(start, end, what).ok_or_else(|| format!("{line} {what}"))?;
        let before = cues.last().map_or(0, |cue| cue.end_ms);
        if cue.start_ms != before || cue.end_ms <= cue.start_ms {
            return Err(format!("{line} does not follow {before} ms"));
        }
        cues.push(cue);
    }
    if cues.is_empty() {
        return Err("it has no cues".into());
    }
    Ok(cues)
}

fn cue(start: &str, end: &str, what: &str) -> Option<Cue> {
    let (sheet, fragment) = what.split_once("#xywh=")?;
    let numbers: Vec<u64> = fragment
        .split(',')
        .map(|number| number.trim().parse().ok())
        .collect::<Option<_>>()?;
    let [x, y, width, height] = numbers[..] else {
        return None;
    };
    Some(Cue {
        start_ms: milliseconds(start)?,
        end_ms: milliseconds(end)?,
        sheet: sheet.to_owned(),
        x,
        y,
        width,
        height,
    })
}

/// `00:00:12.000`, or without the hours.
fn milliseconds(text: &str) -> Option<u64> {
    let (clock, fraction) = text.trim().split_once('.')?;
    let mut seconds = 0;
    for part in clock.split(':') {
        seconds = seconds * 60 + part.parse::<u64>().ok()?;
    }
    Some(seconds * 1000 + fraction.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n00001.jpg#xywh=0,0,160,90\n\n\
        00:00:01.000 --> 00:01:02.500\n00001.jpg#xywh=160,0,160,90\n";

    #[test]
    fn cues_are_read() {
        let cues = cues(TEXT).expect("readable");
        assert_eq!(cues.len(), 2);
        let last = &cues[1];
        assert_eq!((last.start_ms, last.end_ms), (1000, 62_500));
        assert_eq!(
            (last.sheet.as_str(), last.x, last.width),
            ("00001.jpg", 160, 160)
        );
    }

    #[test]
    fn gaps_and_nonsense_are_refused() {
        for bad in [
            "WEBVTT\n".to_owned(),
            TEXT.replace("WEBVTT", "SRT"),
            TEXT.replace("00:00:01.000 --> 00:01", "00:00:03.000 --> 00:01"),
            TEXT.replace("160,0,160,90", "160,0,160"),
        ] {
            assert!(cues(&bad).is_err(), "{bad}");
        }
    }
}
