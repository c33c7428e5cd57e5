//! Checks a published video from outside: only URLs go in, and independent readers judge.
//!
//! The rules are those of Apple's HLS authoring specification that a program can check, and
//! agreement between what is announced and what is there.

mod manifest;

use m3u8_rs::{MasterPlaylist, MediaPlaylist, MediaPlaylistType, VariantStream};
use reelrun_core::timestamp::Timestamp;
use serde_json::Value;

use crate::{
    attempts::without_attempts,
    media::{count_frames, ffprobe},
    mp4,
    stack::{Answer, get, get_range},
};

/// What a test knows of the source.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// How many frames it has.
    pub frames: u64,
    /// Frames per second.
    pub frame_rate: (u32, u32),
    /// Its size on screen.
    pub size: (u64, u64),
    /// The names of the renditions, highest first; those of H.264 before those of AV1.
    pub renditions: &'static [&'static str],
    /// The language of its sound; none for a silent one.
    pub language: Option<&'static str>,
}

/// A track, read through its media playlist.
struct Track {
    playlist: MediaPlaylist,
    /// Length and size of each segment, in seconds and bytes.
    segments: Vec<(f64, u64)>,
    codecs: String,
}

impl Track {
    fn seconds(&self) -> f64 {
        self.segments.iter().map(|(seconds, _)| seconds).sum()
    }

    fn average(&self) -> f64 {
        self.segments
            .iter()
            .map(|(_, bytes)| *bytes as f64)
            .sum::<f64>()
            * 8.0
            / self.seconds()
    }

    /// The highest rate of consecutive segments that last 0.5 to 1.5 target durations together.
    fn peak(&self) -> f64 {
        let target = self.playlist.target_duration as f64;
        let count = self.segments.len();
        let runs = (0..count).flat_map(|from| (from + 1..=count).map(move |to| from..to));
        let rates = runs.filter_map(|run| {
            let seconds: f64 = self.segments[run.clone()]
                .iter()
                .map(|(seconds, _)| seconds)
                .sum();
            let bytes: u64 = self.segments[run].iter().map(|(_, bytes)| bytes).sum();
            (0.5 * target..=1.5 * target)
                .contains(&seconds)
                .then_some(bytes as f64 * 8.0 / seconds)
        });
        let peak = rates.fold(0.0, f64::max);
        if peak > 0.0 { peak } else { self.average() }
    }
}

/// Checks everything about a ready video.
pub fn check(video: &Value, expected: &Expected) {
    let master_url = video["playback"]["hls"].as_str().unwrap();
    assert_eq!(video["playback"]["url"], video["playback"]["hls"]);
    assert_eq!(video["playback"]["type"], "hls");
    let base = master_url.strip_suffix("master.m3u8").unwrap();
    let answer = fetched(master_url);
    assert_eq!(
        answer.header("content-type"),
        "application/vnd.apple.mpegurl"
    );
    let master = m3u8_rs::parse_master_playlist_res(&answer.body).unwrap();
    assert!(master.independent_segments);

    let audio = check_audio_group(&master, base, expected);
    let variants: Vec<_> = master
        .variants
        .iter()
        .filter(|variant| !variant.is_i_frame)
        .collect();
    let mut names: Vec<_> = variants
        .iter()
        .map(|variant| without_attempts(variant.uri.split('/').nth(1).unwrap()))
        .collect();
    names.sort_by_key(|name| {
        let (rung, codec) = name.split_once('p').unwrap();
        let rung: u32 = rung.parse().unwrap();
        (codec.to_owned(), std::cmp::Reverse(rung))
    });
    assert!(
        variants[0].codecs.as_deref().unwrap().starts_with("avc1."),
        "what every player has comes first"
    );
    assert_eq!(names, expected.renditions);
    let mut target_durations = Vec::new();
    for variant in &variants {
        let track = check_variant(variant, base, expected, audio.as_ref());
        target_durations.push(track.playlist.target_duration);
        check_i_frames(&master, variant, base);
    }
    target_durations.extend(audio.iter().map(|track| track.playlist.target_duration));
    target_durations.dedup();
    assert_eq!(
        target_durations.len(),
        1,
        "one target duration for all: {target_durations:?}"
    );

    check_catalog(video, &variants);
    manifest::check(video, &variants, expected);
    check_poster(video, expected);
}

fn fetched(url: &str) -> Answer {
    let answer = get(url);
    assert_eq!(answer.status, 200, "{url}");
    answer
}

fn check_audio_group(master: &MasterPlaylist, base: &str, expected: &Expected) -> Option<Track> {
    let Some(language) = expected.language else {
        assert!(
            master.alternatives.is_empty(),
            "a silent video has no audio group"
        );
        return None;
    };
    let [audio] = &master.alternatives[..] else {
        panic!("one audio rendition is expected: {:?}", master.alternatives);
    };
    assert_eq!(audio.language.as_deref(), Some(language));
    assert!(audio.default && audio.autoselect && !audio.name.is_empty());
    let track = read_track(&format!("{base}{}", audio.uri.as_deref().unwrap()));
    assert_eq!(track.codecs, "mp4a.40.2");
    Some(track)
}

/// Reads a media playlist and every segment of it.
fn read_track(url: &str) -> Track {
    let folder = url.rsplit_once('/').unwrap().0;
    let playlist = m3u8_rs::parse_media_playlist_res(&fetched(url).body).unwrap();
    assert_eq!(
        playlist.playlist_type,
        Some(MediaPlaylistType::Vod),
        "{url}"
    );
    assert!(
        playlist.end_list && playlist.independent_segments && !playlist.i_frames_only,
        "{url}"
    );
    let init_uri = &playlist.segments[0].map.as_ref().expect("EXT-X-MAP").uri;
    let init = fetched(&format!("{folder}/{init_uri}"));
    assert!(init.header("cache-control").contains("immutable"));
    let brands = mp4::find(&init.body, &[b"ftyp"]).unwrap();
    assert!(
        brands.as_chunks::<4>().0.contains(b"cmfc"),
        "a CMAF brand: {brands:?}"
    );
    let timescale = mp4::timescale(&init.body);
    let mut segments = Vec::new();
    let mut at = 0.0;
    for segment in &playlist.segments {
        let answer = fetched(&format!("{folder}/{}", segment.uri));
        // tfdt is continuous: each segment starts where the announced lengths say.
        let starts = mp4::decode_time(&answer.body) as f64 / timescale;
        assert!(
            (starts - at).abs() < 0.001,
            "{url}: {} starts at {starts}, not {at}",
            segment.uri
        );
        // What is decoded first is shown at once, or sound and picture would not be together.
        let shown = mp4::presentation_times(&answer.body)[0] as f64 / timescale;
        assert!(
            (shown - at).abs() < 0.001,
            "{url}: {} is shown from {shown}, not {at}",
            segment.uri
        );
        at += f64::from(segment.duration);
        segments.push((f64::from(segment.duration), answer.body.len() as u64));
    }
    Track {
        codecs: mp4::codecs_of(&init.body),
        playlist,
        segments,
    }
}

fn check_variant(
    variant: &VariantStream,
    base: &str,
    expected: &Expected,
    audio: Option<&Track>,
) -> Track {
    let url = format!("{base}{}", variant.uri);
    let track = read_track(&url);
    let frame = f64::from(expected.frame_rate.1) / f64::from(expected.frame_rate.0);

    // Lengths: 6 s ± 0.5 s but for the last; within the target; the sum exact to a frame.
    let last = track.segments.len() - 1;
    for (index, (seconds, _)) in track.segments.iter().enumerate() {
        let target = track.playlist.target_duration as f64;
        assert!(*seconds <= target + 0.5, "{url}: {seconds}");
        assert!(
            index == last || (seconds - 6.0).abs() <= 0.5,
            "{url}: {seconds}"
        );
    }
    let length = expected.frames as f64 * frame;
    assert!(
        (track.seconds() - length).abs() < frame,
        "{url}: {} s, not {length}",
        track.seconds()
    );
    if let Some(audio) = audio {
        let difference = (audio.seconds() - track.seconds()).abs();
        assert!(
            difference <= frame,
            "sound and picture end {difference} s apart"
        );
    }

    // Every segment starts with an IDR frame (NAL type 5, parameter sets apart).
    let folder = url.rsplit_once('/').unwrap().0;
    let is_h264 = track.codecs.starts_with("avc1.");
    for segment in track.playlist.segments.iter().filter(|_| is_h264) {
        let types = mp4::first_nal_types(&fetched(&format!("{folder}/{}", segment.uri)).body);
        assert_eq!(types.last(), Some(&5), "{}: {types:?}", segment.uri);
    }

    // Announced rates are those measured here, within 10 %; codecs are those of the init segments.
    let sum = |rate: fn(&Track) -> f64| rate(&track) + audio.map_or(0.0, rate);
    assert_near(variant.bandwidth, sum(Track::peak), "BANDWIDTH");
    assert_near(
        variant.average_bandwidth.unwrap(),
        sum(Track::average),
        "AVERAGE-BANDWIDTH",
    );
    let codecs = match audio {
        Some(audio) => format!("{},{}", track.codecs, audio.codecs),
        None => track.codecs.clone(),
    };
    assert_eq!(variant.codecs.as_deref(), Some(&*codecs));

    // What decodes is what was announced.
    let probe = ffprobe("-select_streams v:0 -show_streams", &url);
    let stream = &probe["streams"][0];
    let resolution = variant.resolution.unwrap();
    assert_eq!(
        (stream["width"].as_u64(), stream["height"].as_u64()),
        (Some(resolution.width), Some(resolution.height))
    );
    // ffprobe can't decode AV1, and sees less of it.
    if is_h264 {
        assert_eq!(stream["pix_fmt"], "yuv420p", "{url}");
        assert_eq!(stream["color_range"], "tv", "{url}");
        assert_eq!(stream["sample_aspect_ratio"], "1:1", "{url}");
        assert_eq!(stream["profile"], "High");
    }
    let announced_rate = variant.frame_rate.unwrap();
    assert!(
        (announced_rate - 1.0 / frame).abs() < 0.001,
        "FRAME-RATE {announced_rate}"
    );
    assert_eq!(count_frames(&url), expected.frames, "{url}");

    // Not larger than the source, and of its shape to within the rounding to even numbers.
    let (width, height) = expected.size;
    assert!(
        resolution.width <= width && resolution.height <= height,
        "{resolution:?}"
    );
    let ideal_width = resolution.height as f64 * width as f64 / height as f64;
    let off = (resolution.width as f64 - ideal_width).abs();
    let rounding = 2.0 + 2.0 * width as f64 / height as f64;
    assert!(off <= rounding, "{resolution:?} of {width}x{height}");
    track
}

fn assert_near(announced: u64, measured: f64, what: &str) {
    let ratio = announced as f64 / measured;
    assert!(
        (0.9..1.1).contains(&ratio),
        "{what} is {announced}, measured {measured}"
    );
}

/// Each variant has an I-frame playlist, whose every range decodes to exactly one I-frame.
fn check_i_frames(master: &MasterPlaylist, variant: &VariantStream, base: &str) {
    let uri = variant.uri.replace("playlist.m3u8", "iframes.m3u8");
    let entry = master
        .variants
        .iter()
        .find(|v| v.is_i_frame && v.uri == uri)
        .expect("an I-frame entry");
    assert_eq!(entry.resolution, variant.resolution);
    let own = variant
        .codecs
        .as_deref()
        .and_then(|codecs| codecs.split(',').next());
    assert_eq!(entry.codecs.as_deref(), own);
    let is_h264 = own.is_some_and(|codec| codec.starts_with("avc1."));
    let url = format!("{base}{uri}");
    let folder = url.rsplit_once('/').unwrap().0;
    let playlist = m3u8_rs::parse_media_playlist_res(&fetched(&url).body).unwrap();
    assert!(playlist.i_frames_only && playlist.end_list);
    let init = fetched(&format!(
        "{folder}/{}",
        playlist.segments[0].map.as_ref().unwrap().uri
    ))
    .body;
    let mut total = 0.0;
    for (index, segment) in playlist.segments.iter().enumerate() {
        total += f64::from(segment.duration);
        // Decoding them all would take most of the test's time; the first and last few tell.
        if index >= 2 && index + 2 < playlist.segments.len() {
            continue;
        }
        let range = segment.byte_range.as_ref().unwrap();
        let answer = get_range(
            &format!("{folder}/{}", segment.uri),
            range.offset.unwrap(),
            range.length,
        );
        assert_eq!(
            (answer.status, answer.body.len() as u64),
            (206, range.length)
        );
        let file = tempfile::NamedTempFile::with_suffix(".mp4").unwrap();
        std::fs::write(file.path(), [&init[..], &answer.body[..]].concat()).unwrap();
        let path = file.path().to_str().unwrap();
        if !is_h264 {
            assert_eq!(count_frames(path), 1, "{url} entry {index}");
            continue;
        }
        let frames = ffprobe("-select_streams v:0 -show_entries frame=pict_type", path);
        let frames = frames["frames"].as_array().unwrap();
        assert_eq!(frames.len(), 1, "{url} entry {index}");
        assert_eq!(frames[0]["pict_type"], "I", "{url} entry {index}");
    }
    let media = m3u8_rs::parse_media_playlist_res(&fetched(&format!("{base}{}", variant.uri)).body)
        .unwrap();
    let whole: f64 = media.segments.iter().map(|s| f64::from(s.duration)).sum();
    assert!(
        (total - whole).abs() < 0.01,
        "I-frames cover {total} s of {whole}"
    );
}

/// The API tells of each rendition what the master playlist does.
fn check_catalog(video: &Value, variants: &[&VariantStream]) {
    let renditions = video["renditions"].as_array().unwrap();
    assert_eq!(renditions.len(), variants.len());
    for rendition in renditions {
        let name = rendition["name"].as_str().unwrap();
        let variant = variants
            .iter()
            .find(|v| without_attempts(&v.uri).contains(&format!("/{name}/")))
            .unwrap();
        assert_eq!(rendition["bandwidth_bps"], variant.bandwidth);
        assert_eq!(
            rendition["average_bandwidth_bps"].as_u64(),
            variant.average_bandwidth
        );
        assert_eq!(rendition["codecs"].as_str(), variant.codecs.as_deref());
        assert_eq!(rendition["width"], variant.resolution.unwrap().width);
    }
    assert_eq!(video["progress"], 1.0);
    // As times: their texts leave out zeros at the end, so they don't sort.
    let at = |name: &str| video[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(at("ready_at") > at("created_at"), "{video:#}");
}

fn check_poster(video: &Value, expected: &Expected) {
    let url = video["playback"]["poster"].as_str().expect("a poster");
    assert_eq!(fetched(url).header("content-type"), "image/jpeg");
    let probe = ffprobe("-show_streams", url);
    assert_eq!(probe["streams"][0]["codec_name"], "mjpeg");
    let landscape = |width: u64, height: u64| width >= height;
    let (width, height) = (
        probe["streams"][0]["width"].as_u64().unwrap(),
        probe["streams"][0]["height"].as_u64().unwrap(),
    );
    assert_eq!(
        landscape(width, height),
        landscape(expected.size.0, expected.size.1)
    );
}
