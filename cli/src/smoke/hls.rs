//! A video's HLS, as a reader that knows nothing of its writer understands it (m3u8-rs).

use m3u8_rs::{MasterPlaylist, MediaPlaylist, MediaPlaylistType};

/// A media playlist, and what a player needs of it.
pub(super) struct Track {
    pub(super) url: String,
    pub(super) init: String,
    pub(super) segments: Vec<String>,
    pub(super) seconds: f64,
    /// A range of a segment, as an I-frame playlist has them: offset and length.
    pub(super) range: Option<(u64, u64)>,
}

/// What a master playlist names.
#[derive(Debug, Default)]
pub(super) struct Master {
    /// Video renditions, as they are listed.
    pub(super) variants: Vec<String>,
    pub(super) audio: Vec<String>,
    pub(super) i_frames: Vec<String>,
}

/// Reads a master playlist: each variant has what players choose by.
pub(super) fn master(text: &[u8]) -> Result<Master, String> {
    let master: MasterPlaylist =
        m3u8_rs::parse_master_playlist_res(text).map_err(|why| format!("not readable: {why}"))?;
    let mut found = Master::default();
    for variant in &master.variants {
        if variant.bandwidth == 0 || variant.codecs.is_none() || variant.resolution.is_none() {
            return Err(format!(
                "{} has no bandwidth, codecs or resolution",
                variant.uri
            ));
        }
        if variant.is_i_frame {
            found.i_frames.push(variant.uri.clone());
        } else {
            found.variants.push(variant.uri.clone());
        }
    }
    found.audio = master
        .alternatives
        .iter()
        .filter_map(|one| one.uri.clone())
        .collect();
    if found.variants.is_empty() {
        return Err("no variant".into());
    }
    Ok(found)
}

/// Reads a media playlist: complete, and within its target duration.
pub(super) fn track(url: &str, text: &[u8]) -> Result<Track, String> {
    let playlist: MediaPlaylist =
        m3u8_rs::parse_media_playlist_res(text).map_err(|why| format!("not readable: {why}"))?;
    if playlist.playlist_type != Some(MediaPlaylistType::Vod) || !playlist.end_list {
        return Err("not a complete one (VOD with an end)".into());
    }
    let Some(first) = playlist.segments.first() else {
        return Err("no segment".into());
    };
    let map = first.map.as_ref().ok_or("no EXT-X-MAP")?;
    let target = playlist.target_duration as f64;
    let longest = playlist
        .segments
        .iter()
        .map(|segment| f64::from(segment.duration))
        .fold(0.0, f64::max);
    if longest > target + 0.5 {
        return Err(format!(
            "a segment of {longest} s, and a target of {target} s"
        ));
    }
    let range = first.byte_range.as_ref();
    Ok(Track {
        url: url.to_owned(),
        init: map.uri.clone(),
        segments: playlist
            .segments
            .iter()
            .map(|one| one.uri.clone())
            .collect(),
        seconds: playlist
            .segments
            .iter()
            .map(|segment| f64::from(segment.duration))
            .sum(),
        range: range.and_then(|range| Some((range.offset?, range.length))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "#EXTM3U\n#EXT-X-VERSION:7\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",URI=\"audio/main/playlist.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=9,CODECS=\"avc1\",RESOLUTION=640x360,AUDIO=\"a\"\nvideo/360p/playlist.m3u8\n\
        #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1\",RESOLUTION=640x360,URI=\"video/360p/iframes.m3u8\"\n";

    const MEDIA: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n\
        #EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6.0,\n00001.m4s\n#EXTINF:2.5,\n00002.m4s\n#EXT-X-ENDLIST\n";

    #[test]
    fn a_master_names_variants_audio_and_i_frames() {
        let master = master(MASTER.as_bytes()).expect("readable");
        assert_eq!(master.variants, ["video/360p/playlist.m3u8"]);
        assert_eq!(master.audio, ["audio/main/playlist.m3u8"]);
        assert_eq!(master.i_frames, ["video/360p/iframes.m3u8"]);
        for bad in [
            "#EXTM3U\n".to_owned(),
            "<html>".to_owned(),
            MASTER.replace("CODECS=\"avc1\",", ""),
        ] {
            assert!(super::master(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_media_playlist_is_complete() {
        let track = track("u", MEDIA.as_bytes()).expect("readable");
        assert_eq!((track.init.as_str(), track.segments.len()), ("init.mp4", 2));
        assert!((track.seconds - 8.5).abs() < 0.001);
        for bad in [
            MEDIA.replace("#EXT-X-ENDLIST\n", ""),
            MEDIA.replace("#EXT-X-MAP:URI=\"init.mp4\"\n", ""),
            MEDIA.replace("6.0", "9.0"),
        ] {
            assert!(super::track("u", bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
