use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ffprobe::clock_micros, *};

const LIMITS: SourceLimits = SourceLimits {
    max_duration_seconds: 3600,
};

fn video() -> Value {
    json!({"index": 0, "codec_type": "video", "codec_name": "h264", "width": 1920, "height": 1080,
           "r_frame_rate": "25/1", "avg_frame_rate": "25/1", "start_time": "0.000000",
           "duration": "10.000000", "field_order": "progressive"})
}

fn probe(streams: &[Value]) -> Value {
    json!({"streams": streams, "format": {"format_name": "mov,mp4,m4a,3gp,3g2,mj2", "duration": "10.0", "start_time": "0.0", "size": "1000"}})
}

fn parse(probe: &Value) -> Result<SourceInfo, SourceFault> {
    SourceInfo::parse(&probe.to_string(), None, LIMITS)
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
        json!([{"side_data_type": "x"}, {"rotation": -90}]),
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

#[test]
fn sound_that_can_be_decoded_is_taken_before_one_that_is_first() {
    let sound = |index: u32, codec: &str| {
        json!({"index": index, "codec_type": "audio", "codec_name": codec, "sample_rate": "48000",
               "channels": 1, "disposition": {"default": u8::from(index == 1)}})
    };
    let info = parse(&probe(&[video(), sound(1, "none"), sound(2, "aac")])).unwrap();
    let audio = info.audio.unwrap();
    assert_eq!((audio.index, audio.channels), (2, 1));
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
    let info = SourceInfo::parse(
        &json!({"streams": [late], "format": {"format_name": "mpegts", "duration": "10.2", "start_time": "1.5"}})
            .to_string(),
        None,
        LIMITS,
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
        SourceInfo::parse(&text, None, LIMITS),
        Err(SourceFault::LengthUnknown {
            video_stream: 0,
            size_bytes: 0
        })
    );
    let info = SourceInfo::parse(
        &text,
        Some(&Measured {
            end_us: 4_000_000,
            keyframes: vec![],
        }),
        LIMITS,
    )
    .unwrap();
    assert_eq!(info.duration_us, 4_000_000);
}

#[test]
fn forged_packets_of_a_clock_below_zero_are_too_long() {
    let mut file = probe(&[video()]);
    file["format"]["start_time"] = json!("-5.0");
    let mut packets = Packets::default();
    for _ in 0..5 {
        packets.add("0,2000000000000,1,0,K__");
    }
    let measured = packets.measured();
    let info = SourceInfo::parse(&file.to_string(), measured.as_ref(), LIMITS);
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
    assert_eq!(
        kind(SourceInfo::parse("{", None, LIMITS)),
        ErrorType::MalformedMedia
    );
}

proptest! {
    #[test]
    fn no_probe_output_panics(
        text in ".{0,80}",
        number in "-?[0-9.:/]{0,24}",
        (one, other) in any::<(u64, u64)>(),
    ) {
        let _ = SourceInfo::parse(&text, None, LIMITS);
        for number in [number.clone(), format!("{one}:{other}"), format!("{one}/{other}")] {
            for field in ["duration", "start_time", "r_frame_rate", "sample_aspect_ratio"] {
                let _ = with(field, json!(number));
            }
        }
        let _ = clock_micros(&number);
    }
}
