use proptest::prelude::*;
use serde_json::{Value, json};

use super::{clock::clock_micros, *};
use crate::purpose::Purpose;

const LIMITS: SourceLimits = SourceLimits {
    max_duration_seconds: 3600,
    accepts_audio_only: true,
};

fn video() -> Value {
    json!({"index": 0, "codec_type": "video", "codec_name": "h264", "width": 1920, "height": 1080,
           "r_frame_rate": "25/1", "avg_frame_rate": "25/1", "start_time": "0.000000",
           "duration": "10.000000", "field_order": "progressive"})
}

fn probe(streams: &[Value]) -> Value {
    json!({"streams": streams, "format": {"format_name": "mov,mp4,m4a,3gp,3g2,mj2", "duration": "10.0", "start_time": "0.0", "size": "1000"}})
}

const HEAD: Head = Head {
    container: Container::Mp4,
    has_index: true,
};

/// By what the header says alone.
fn read(json: &str, measured: Option<&Measured>) -> Result<SourceInfo, SourceFault> {
    let probe = Probe::parse(json, false)?;
    let chosen = Chosen::as_stated(&probe)?;
    SourceInfo::new(&probe, HEAD, &chosen, measured, LIMITS)
}

fn parse(probe: &Value) -> Result<SourceInfo, SourceFault> {
    read(&probe.to_string(), None)
}

fn kind(result: Result<SourceInfo, SourceFault>) -> ErrorType {
    match result {
        Err(SourceFault::Final(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

fn with(field: &str, value: Value) -> Result<SourceInfo, SourceFault> {
    let mut stream = video();
    stream[field] = value;
    parse(&probe(&[stream]))
}

#[test]
fn rotation_and_pixel_shape_give_the_size_on_screen() {
    let info = with(
        "side_data_list",
        json!([{"side_data_type": "x"}, {"displaymatrix":
            "\n00000000:            0       65536           0\n00000001:       -65536           0           0\n00000002:            0           0  1073741824\n"}]),
    )
    .unwrap();
    assert_eq!((info.video.width, info.video.height), (1080, 1920));
    let info = with("sample_aspect_ratio", json!("3:4")).unwrap();
    assert_eq!((info.video.width, info.video.height), (1440, 1080));
    for undefined in [
        "0:1",
        "N/A",
        "1:0",
        "1000:1",
        "1:18446744073709551615",
        "4611686018427387904:4611686018427387904",
    ] {
        let info = with("sample_aspect_ratio", json!(undefined)).unwrap();
        assert_eq!(info.video.width, 1920, "{undefined}");
    }
}

#[test]
fn rates_are_constant_and_publishable() {
    let rate = |base: &str, average: &str| {
        let mut stream = video();
        stream["r_frame_rate"] = json!(base);
        stream["avg_frame_rate"] = json!(average);
        parse(&probe(&[stream]))
            .unwrap()
            .video
            .frame_rate
            .to_string()
    };
    assert_eq!(rate("30000/1001", "37200/1241"), "30000/1001");
    assert_eq!(rate("120/1", "120/1"), "60/1");
    assert_eq!(rate("90000/1", "27/1"), "30/1");
    assert_eq!(rate("60000/1001", "30000/1001"), "30000/1001");
    assert_eq!(rate("30000/1001", "24000/1001"), "24000/1001");
    assert_eq!(rate("0/0", "0/0"), "24/1");
    assert_eq!(rate("1000/1", "0/0"), "60/1");
    // Every third frame is missing for a while; a screen on which little moves.
    assert_eq!(rate("30/1", "23/1"), "30/1");
    assert_eq!(rate("60/1", "25/2"), "60/1");
}

/// A phone's Dolby Vision is HLG for whoever knows no better.
#[test]
fn compatible_dolby_vision_is_taken() {
    let profile_8 = json!([{"side_data_type": "DOVI configuration record", "dv_profile": 8,
                            "dv_bl_signal_compatibility_id": 4}]);
    assert!(with("side_data_list", profile_8).is_ok());
}

#[test]
fn colors_of_a_high_dynamic_range_are_stated_with_their_primaries() {
    let stated = |space: &str, primaries: &str, transfer: &str| {
        let mut stream = video();
        stream["color_space"] = json!(space);
        stream["color_primaries"] = json!(primaries);
        stream["color_transfer"] = json!(transfer);
        parse(&probe(&[stream])).unwrap().video.color_is_stated
    };
    assert!(stated("bt709", "unknown", "bt709"));
    assert!(!stated("unknown", "bt709", "bt709") && !stated("gbr", "bt709", "bt709"));
    assert!(stated("bt2020nc", "bt2020", "smpte2084"));
    assert!(
        !stated("bt2020nc", "unknown", "smpte2084") && !stated("unknown", "bt2020", "arib-std-b67")
    );
    assert!(stated("gbr", "unknown", "smpte2084"));
}

#[test]
fn frames_tell_whether_they_are_woven_where_the_file_does_not() {
    let woven = |codec: &str, order: Value| {
        let mut stream = video();
        stream["codec_name"] = json!(codec);
        stream["field_order"] = order;
        parse(&probe(&[stream])).unwrap().video.interlaced
    };
    assert!(woven("dvvideo", json!("unknown")) && woven("h264", Value::Null));
    assert!(woven("prores", json!("tt")) && !woven("prores", json!("unknown")));
    assert!(!woven("h264", json!("progressive")) && !woven("vp9", Value::Null));
}

fn sound(index: u32, codec: &str, is_default: bool) -> Value {
    json!({"index": index, "codec_type": "audio", "codec_name": codec, "sample_rate": "48000",
           "channels": 1, "disposition": {"default": u8::from(is_default)}})
}

/// Chooses among the streams of a file of which those decode that have a number of frames here.
fn choose(file: &Value, frames: &[(u32, usize)]) -> Result<(Chosen, Vec<Streams>), VideoError> {
    let probe = Probe::parse(&file.to_string(), false)?;
    let mut selection = Selection::new(&probe)?;
    let mut tries = vec![selection.first()];
    loop {
        let mut trial = Trial::default();
        let asked = &tries[tries.len() - 1];
        let known = |index: u32| frames.iter().find(|(known, _)| *known == index);
        for stream in &asked.each {
            let (index, kind) = match *stream {
                Stream::Video(index) => (index, 'v'),
                Stream::Audio(index) => (index, 'a'),
            };
            match known(index) {
                Some((_, count)) => (0..*count).for_each(|_| trial.add(&match kind {
                    'a' => format!("[ashowinfo@sound{index} @ 0x1] n:0 pts_time:0 channels:2 chlayout:stereo rate:48000"),
                    _ => format!("[showinfo@picture{index} @ 0x1] n: 0 pts_time:0 sar:1/1 s:64x64 i:P type:I "),
                })),
                None => trial.add(&format!("[{kind}ist#0:{index}/odd @ 0x1] no decoder found for: odd")),
            }
        }
        match selection.tried(&trial)? {
            Next::Try(next) => tries.push(next),
            Next::Chosen(chosen) => return Ok((*chosen, tries)),
        }
        assert!(tries.len() < 20);
    }
}

#[test]
fn streams_are_chosen_by_what_decodes() {
    let reasons = |chosen: &Chosen| {
        let not_used = chosen.not_used.iter();
        not_used
            .map(|it| (it.codec.clone(), it.reason))
            .collect::<Vec<_>>()
    };
    let file = probe(&[
        video(),
        sound(1, "none", true),
        sound(2, "ac4", true),
        sound(3, "aac", false),
        sound(4, "mp3", false),
    ]);
    let (chosen, tries) = choose(&file, &[(0, 3), (3, 1), (4, 1)]).unwrap();
    let heard: Vec<_> = chosen.audio.iter().map(|(index, _)| *index).collect();
    assert_eq!((heard, tries.len()), (vec![3, 4], 1));
    assert_eq!(
        reasons(&chosen),
        [
            ("none".into(), NotUsedReason::NoDecoder),
            ("ac4".into(), NotUsedReason::NoDecoder),
        ]
    );
    // One that is empty, and then none.
    let (chosen, _) = choose(&probe(&[video(), sound(1, "aac", true)]), &[(0, 3), (1, 0)]).unwrap();
    assert!(chosen.audio.is_empty());
    assert_eq!(reasons(&chosen), [("aac".into(), NotUsedReason::NoFrames)]);
    // A still picture that is not marked as a cover, and a track that nobody can decode.
    let mut moving = video();
    moving["index"] = json!(1);
    let mut unknown = video();
    unknown["index"] = json!(2);
    let file = probe(&[video(), moving, unknown]);
    let (chosen, tries) = choose(&file, &[(0, 1), (1, 3)]).unwrap();
    assert_eq!(chosen.video, 1);
    assert!(tries[0].is_brief && !tries[tries.len() - 1].is_brief);
    // All others are named, within reason: a cover, a picture in nobody's codec, and more sounds than are
    // tried.
    let mut cover = video();
    cover["index"] = json!(1);
    cover["disposition"] = json!({"attached_pic": 1});
    let mut nobodys = video();
    nobodys["index"] = json!(2);
    nobodys["codec_name"] = Value::Null;
    let sounds = (3..60).map(|index| sound(index, "aac", index == 3));
    let file: Vec<_> = [video(), cover, nobodys]
        .into_iter()
        .chain(sounds)
        .collect();
    let (chosen, _) = choose(&probe(&file), &[(0, 3), (3, 1)]).unwrap();
    let of = |kind, reason| {
        let same = |it: &&NotUsed| it.kind == kind && it.reason == reason;
        chosen.not_used.iter().filter(same).count()
    };
    assert_eq!(of(StreamKind::Video, NotUsedReason::NoDecoder), 1);
    assert_eq!(of(StreamKind::Video, NotUsedReason::NotChosen), 1);
    assert_eq!(of(StreamKind::Audio, NotUsedReason::NotChosen), 30);
    let refused = choose(&probe(&[video()]), &[]).unwrap_err();
    assert_eq!(refused.kind, ErrorType::UnsupportedCodec);
    let empty = choose(&probe(&[video()]), &[(0, 0)]).unwrap_err();
    assert_eq!(empty.kind, ErrorType::MalformedMedia);
}

#[test]
fn further_sounds_say_what_they_are_for() {
    let mut file = vec![video()];
    for (title, flag) in [
        ("Kommentar: Deutsch", "default"),
        ("Director's Commentary", "none"),
        ("Commentary on what is seen", "visual_impaired"),
        ("Clear", "hearing_impaired"),
        ("A\tlong\nname", "dub"),
    ] {
        let index = u32::try_from(file.len()).unwrap();
        let mut stream = sound(index, "aac", false);
        stream["disposition"][flag] = json!(1);
        stream["tags"] = json!({"title": title, "language": "ger"});
        file.push(stream);
    }
    let mut closed = sound(6, "aac", false);
    closed["codec_tag_string"] = json!("enca");
    file.push(closed);
    let info = parse(&probe(&file)).unwrap();
    let purposes: Vec<_> = info.audio.iter().map(|audio| audio.purpose).collect();
    assert_eq!(
        purposes,
        [
            Purpose::Main,
            Purpose::Commentary,
            Purpose::Description,
            Purpose::ClearSpeech,
            Purpose::Dub
        ]
    );
    assert_eq!(info.audio[4].name.as_deref(), Some("A long name"));
    // One that is encrypted, beside others, is one that can't be decoded.
    assert_eq!(info.not_used.len(), 1);
    assert_eq!(info.not_used[0].reason, NotUsedReason::NoDecoder);
}

/// The base of a short clip's rate may be that of its fields.
#[test]
fn fields_are_no_frames() {
    let mut stream = video();
    stream["r_frame_rate"] = json!("50/1");
    stream["avg_frame_rate"] = json!("2548/100");
    stream["field_order"] = json!("tt");
    let rate = parse(&probe(&[stream])).unwrap().video.frame_rate;
    assert_eq!(rate.to_string(), "25/1");
}

#[test]
fn a_late_video_in_a_late_container_is_measured_from_the_container() {
    let mut late = video();
    late["start_time"] = json!("1.726000");
    let info = read(
        &json!({"streams": [late], "format": {"format_name": "asf", "duration": "10.2", "start_time": "1.5"}})
            .to_string(),
        None,
    )
    .unwrap();
    assert_eq!(info.video.end_us, 10_226_000);
    assert!(info.video.end_is_exact);
}

#[test]
fn matroska_states_the_end_in_a_tag() {
    let mut stream = video();
    stream["duration"] = Value::Null;
    stream["tags"] = json!({"DURATION": "00:01:05.229000000"});
    assert_eq!(parse(&probe(&[stream])).unwrap().video.end_us, 65_229_000);
}

#[test]
fn a_file_that_does_not_state_its_length_is_measured() {
    let mut stream = video();
    stream["duration"] = Value::Null;
    let text = json!({"streams": [stream], "format": {"format_name": "matroska,webm"}}).to_string();
    assert_eq!(
        read(&text, None),
        Err(SourceFault::LengthUnknown {
            video_stream: 0,
            size_bytes: 0
        })
    );
    let info = read(
        &text,
        Some(&Measured {
            end_us: 4_000_000,
            keyframes: vec![],
            is_joined: false,
        }),
    )
    .unwrap();
    assert_eq!(info.duration_us, 4_000_000);
}

#[test]
fn forged_packets_of_a_clock_below_zero_are_too_long() {
    let mut file = probe(&[video()]);
    file["format"]["start_time"] = json!("-5.0");
    let mut packets = Packets::of(Container::Matroska);
    for _ in 0..5 {
        packets.add("0,2000000000000,1,0,K__");
    }
    let measured = packets.measured();
    let info = read(&file.to_string(), measured.as_ref());
    assert_eq!(kind(info), ErrorType::TooLong);
}

#[test]
fn each_fault_has_its_type() {
    let audio =
        json!({"index": 0, "codec_type": "audio", "codec_name": "mp3", "sample_rate": "44100"});
    let cover = json!({"index": 1, "codec_type": "video", "codec_name": "mjpeg",
                       "disposition": {"attached_pic": 1}});
    assert_eq!(
        kind(parse(&probe(&[audio, cover]))),
        ErrorType::NoVideoStream
    );
    assert_eq!(
        kind(with("codec_name", Value::Null)),
        ErrorType::UnsupportedCodec
    );
    assert_eq!(
        kind(with("codec_tag_string", json!("encv"))),
        ErrorType::ProtectedContent
    );
    for key in [
        json!({"packets": [{"stream_index": 0, "side_data_list": [{"side_data_type": "Encryption info"}]}]}),
        json!({"streams": [{"side_data_list": [{"side_data_type": "Encryption initialization data"}]}]}),
    ] {
        let mut file = probe(&[video()]);
        if let Some(packets) = key.get("packets") {
            file["packets"] = packets.clone();
        } else {
            file["streams"][0]["side_data_list"] = key["streams"][0]["side_data_list"].clone();
        }
        assert_eq!(kind(parse(&file)), ErrorType::ProtectedContent);
    }
    let profile_5 = json!([{"side_data_type": "DOVI configuration record", "dv_profile": 5,
                            "dv_bl_signal_compatibility_id": 0}]);
    assert_eq!(
        kind(with("side_data_list", profile_5)),
        ErrorType::UnsupportedCodec
    );
    assert_eq!(kind(with("duration", json!("3601.0"))), ErrorType::TooLong);
    assert_eq!(kind(with("width", json!(100_000))), ErrorType::TooLarge);
    assert_eq!(kind(with("width", json!(0))), ErrorType::MalformedMedia);
    assert_eq!(kind(read("{", None)), ErrorType::MalformedMedia);
}

proptest! {
    #[test]
    fn no_probe_output_panics(
        text in ".{0,80}",
        number in "-?[0-9.:/]{0,24}",
        (one, other) in any::<(u64, u64)>(),
    ) {
        let _ = read(&text, None);
        for number in [number.clone(), format!("{one}:{other}"), format!("{one}/{other}")] {
            for field in ["duration", "start_time", "r_frame_rate", "sample_aspect_ratio"] {
                let _ = with(field, json!(number));
            }
        }
        let _ = clock_micros(&number);
    }
}
