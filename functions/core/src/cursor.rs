//! A place in the library, and the cursor that names it: opaque to clients.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::video::{Month, VideoId};

/// A place in the library: after this video, in this month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The month to go on in.
    pub month: Month,
    /// The last video seen in it; none when none was.
    pub after: Option<VideoId>,
}

impl Position {
    /// Behind a video.
    pub fn after(video: VideoId) -> Self {
        Self {
            month: video.month(),
            after: Some(video),
        }
    }
}

/// A position as text that means nothing to anybody else.
pub fn encode(position: Position) -> String {
    let after = position.after.map(|id| id.to_string()).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(format!("{}/{after}", position.month))
}

/// Reads a cursor back. `None` for anything that [`encode`] did not make.
pub fn decode(cursor: &str) -> Option<Position> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (month, after) = text.split_once('/')?;
    let month = month.parse().ok()?;
    let after = match after {
        "" => None,
        id => Some(id.parse().ok()?),
    };
    Some(Position { month, after })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        for after in [
            None,
            Some("01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap()),
        ] {
            let position = Position {
                month: "2026-11".parse().unwrap(),
                after,
            };
            assert_eq!(decode(&encode(position)), Some(position));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let odd = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for wrong in [
            "",
            "x",
            "!!!",
            "é",
            &odd("2026-11"),
            &odd("2026-13/"),
            &odd("2026-11/x"),
        ] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
