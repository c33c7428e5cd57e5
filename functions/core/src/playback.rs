//! What a viewer is given before the renditions are ready.

use crate::video::Video;

/// Whether browsers play the original file itself: by its codecs once they are known, by its
/// container until then.
pub fn original_plays_in_browsers(video: &Video) -> bool {
    let extension = video
        .filename
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let container = matches!(
        extension.as_str(),
        "mp4" | "m4v" | "mov" | "webm" | "mp3" | "m4a" | "m4b" | "aac" | "wav" | "flac"
    );
    let codecs = video.source.as_ref().is_none_or(|source| {
        let picture = source
            .video_codec
            .as_deref()
            .is_none_or(|codec| matches!(codec, "h264" | "vp8" | "vp9" | "av1"));
        let sound = source.audio_codec.as_deref().is_none_or(|codec| {
            matches!(
                codec,
                "aac"
                    | "mp3"
                    | "opus"
                    | "vorbis"
                    | "flac"
                    | "pcm_u8"
                    | "pcm_s16le"
                    | "pcm_s24le"
                    | "pcm_f32le"
            )
        });
        picture && sound
    });
    container && codecs
}

/// Whether viewers are shown what is encoded so far: there is nothing else to show them. Encrypted segments
/// are served to nobody before the video is whole.
pub fn needs_partial(video: &Video) -> bool {
    video.segment_key.is_none() && !original_plays_in_browsers(video)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::Status;
    use reelrun_media::source::SourceSummary;

    #[test]
    fn containers_and_codecs_decide() {
        let plays = |filename: &str, video_codec: Option<&str>| {
            let id: crate::video::VideoId = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap();
            let source = video_codec.map(|codec| SourceSummary {
                duration_ms: 1,
                width: Some(2),
                height: Some(2),
                frame_rate: Some(25.0),
                video_codec: Some(codec.into()),
                audio_codec: None,
                size_bytes: 1,
                not_used: Vec::new(),
                subtitles_not_used: Vec::new(),
            });
            original_plays_in_browsers(&Video {
                status: Status::Preparing,
                source,
                ..Video::waiting(id, filename.into(), "video/mp4".into(), 1)
            })
        };
        assert!(plays("a.MP4", None));
        assert!(plays("a.webm", Some("vp9")));
        assert!(!plays("a.mp4", Some("hevc")));
        assert!(!plays("a.mkv", Some("h264")));
        assert!(!plays("a.avi", None));
        assert!(plays("a.mp3", None) && !plays("a.opus", None));
    }
}
