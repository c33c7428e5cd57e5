//! From a file to playable renditions, on the deployed functions: the result is right.

use std::fs;

use reelrun_tests::{
    conformance::{Expected, check},
    media::{Clips, channels, count_frames, luma, samples, text},
    stack::{Stack, get},
};

#[test]
fn a_full_hd_clip_gets_the_whole_ladder() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("holiday.mp4", "1920x1080", "25", 14.0);
    let id = stack.upload(&file);
    // Until it is ready, the original is what plays, and progress moves.
    let preparing = stack.wait_for(&id, |video| video["progress"].as_f64() > Some(0.05));
    if preparing["status"] == "preparing" {
        assert_eq!(preparing["playback"]["type"], "original");
        let original = get(preparing["playback"]["url"].as_str().unwrap());
        assert_eq!(
            (original.status, original.body),
            (200, fs::read(&file).unwrap())
        );
        assert_eq!(preparing["source"]["height"], 1080);
    }
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{video:#}");
    check(
        &video,
        &Expected {
            frames: 350,
            frame_rate: (25, 1),
            size: (1920, 1080),
            renditions: &["1080p", "720p", "480p", "360p", "240p"],
            language: Some("de"),
        },
    );
    assert_eq!(video["source"]["duration_ms"], 14_000);
    assert_eq!(video["source"]["audio_codec"], "aac");
    assert_eq!(video["filename"], "holiday.mp4");
}

#[test]
fn a_silent_4_3_clip_at_ntsc_rate() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let video = stack.ready(&clips.silent("silent.mov", "640x480", "30000/1001", 7.0));
    check(
        &video,
        &Expected {
            frames: count_frames(text(&clips.path("silent.mov"))),
            frame_rate: (30000, 1001),
            size: (640, 480),
            renditions: &["480p", "360p", "240p"],
            language: None,
        },
    );
    assert_eq!(video["source"]["audio_codec"], serde_json::Value::Null);
}

#[test]
fn a_phones_portrait_clip_stands_upright() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let lying = clips.clip("lying.mp4", "1280x720", "30", 3.0);
    let file = clips.make(
        "portrait.mp4",
        &format!("-display_rotation 90 -i {} -c copy", text(&lying)),
    );
    let video = stack.ready(&file);
    assert_eq!(
        (&video["source"]["width"], &video["source"]["height"]),
        (&720.into(), &1280.into())
    );
    check(
        &video,
        &Expected {
            frames: 90,
            frame_rate: (30, 1),
            size: (720, 1280),
            renditions: &["720p", "480p", "360p", "240p"],
            language: Some("de"),
        },
    );
}

#[test]
fn an_anamorphic_clip_gets_square_pixels() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "dvd.mkv",
        "-f lavfi -i testsrc2=s=720x576:r=25:d=2 -vf setsar=64/45 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    );
    check(
        &stack.ready(&file),
        &Expected {
            frames: 50,
            frame_rate: (25, 1),
            size: (1024, 576),
            renditions: &["720p", "480p", "360p", "240p"],
            language: None,
        },
    );
}

#[test]
fn odd_sizes_and_film_rate_in_webm() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "odd.webm",
        "-f lavfi -i testsrc2=s=853x479:r=24000/1001:d=7 -f lavfi -i sine=d=7 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus",
    );
    check(
        &stack.ready(&file),
        &Expected {
            frames: count_frames(text(&file)),
            frame_rate: (24000, 1001),
            size: (853, 479),
            renditions: &["480p", "360p", "240p"],
            language: Some("und"),
        },
    );
}

#[test]
fn a_single_frame_is_a_video() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "one.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25 -frames:v 1 -c:v libx264 -pix_fmt yuv420p",
    );
    check(
        &stack.ready(&file),
        &Expected {
            frames: 1,
            frame_rate: (25, 1),
            size: (320, 240),
            renditions: &["240p"],
            language: None,
        },
    );
}

#[test]
fn a_varying_rate_becomes_constant() {
    let (stack, clips) = (Stack::get(), Clips::new());
    // Every third frame of 30 is missing in the middle: 2 s + 2 s × ⅔ + 2 s.
    let file = clips.make(
        "varying.mkv",
        "-f lavfi -i testsrc2=s=320x240:r=30:d=6 -vf select='lt(t,2)+gte(t,4)+mod(n,3)' -fps_mode vfr -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    );
    let video = stack.ready(&file);
    check(
        &video,
        &Expected {
            frames: 180,
            frame_rate: (30, 1),
            size: (320, 240),
            renditions: &["240p"],
            language: None,
        },
    );
}

/// A click at 2 s of the source is heard at 2 s of the result, and a flash is seen there.
#[test]
fn sound_and_picture_stay_together() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "clap.mp4",
        "-f lavfi -i color=black:s=320x240:r=25:d=4,geq=lum='if(eq(N,50),255,16)':cb=128:cr=128 \
         -f lavfi -i aevalsrc='if(eq(n,96000),1,0)':s=48000:d=4 \
         -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a pcm_s16le -f mov",
    );
    let video = stack.ready(&file);
    let master = video["playback"]["hls"].as_str().unwrap();
    let samples = samples(master);
    let click = (0..samples.len())
        .max_by(|&a, &b| samples[a].abs().total_cmp(&samples[b].abs()))
        .unwrap();
    assert!(
        click.abs_diff(96_000) <= 2,
        "the click is at sample {click}"
    );
    let luma = luma(master);
    let flash = (0..luma.len())
        .max_by(|&a, &b| luma[a].total_cmp(&luma[b]))
        .unwrap();
    assert_eq!(flash, 50, "{luma:?}");
}

/// A picture that starts late is preceded by its first frame, so that nothing shifts.
#[test]
fn a_late_picture_is_led_in() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let picture = clips.silent("picture.mp4", "320x240", "25", 3.0);
    let file = clips.make(
        "late.mkv",
        &format!(
            "-itsoffset 0.4 -i {} -f lavfi -i sine=d=3.4 -map 0:v -map 1:a -c:v copy -c:a aac",
            text(&picture)
        ),
    );
    check(
        &stack.ready(&file),
        &Expected {
            frames: 85,
            frame_rate: (25, 1),
            size: (320, 240),
            renditions: &["240p"],
            language: Some("und"),
        },
    );
}

/// Recordings made in a browser don't state their length.
#[test]
fn a_stream_without_a_stated_length_is_measured() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "recording.webm",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=3 -f lavfi -i sine=d=3 -c:v libvpx -deadline realtime -c:a libopus -f webm -live 1",
    );
    let video = stack.ready(&file);
    check(
        &video,
        &Expected {
            frames: 75,
            frame_rate: (25, 1),
            size: (320, 240),
            renditions: &["240p"],
            language: Some("und"),
        },
    );
}

/// A ten-bit HDR picture comes out as eight-bit SDR, an interlaced one as whole frames, a
/// full-range one (as phones and screen recorders make) in limited range.
#[test]
fn hdr_interlaced_and_full_range_sources_are_converted() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let hdr = clips.make(
        "hdr.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -x265-params log-level=error \
         -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -tag:v hvc1",
    );
    let interlaced = clips.make(
        "interlaced.ts",
        "-f lavfi -i testsrc2=s=720x576:r=50:d=2 -vf interlace,setsar=1 -flags +ilme+ildct -c:v mpeg2video -b:v 4M",
    );
    let full_range = clips.make(
        "screen.mov",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -vf scale=out_range=full -pix_fmt yuvj420p -color_range pc -c:v libx264 -preset ultrafast",
    );
    for (file, frames, size, renditions) in [
        (full_range, 50, (320, 240), &["240p"][..]),
        (hdr, 50, (320, 240), &["240p"][..]),
        (
            interlaced,
            50,
            (720, 576),
            &["720p", "480p", "360p", "240p"][..],
        ),
    ] {
        check(
            &stack.ready(&file),
            &Expected {
                frames,
                frame_rate: (25, 1),
                size,
                renditions,
                language: None,
            },
        );
    }
}

/// Containers and codecs of another age, among them those whose times are whole milliseconds.
#[test]
fn old_containers_and_codecs_are_read() {
    let (stack, clips) = (Stack::get(), Clips::new());
    // All have 50 frames. This AVI leaves out a frame's time after the first, and the picture of
    // WMV and FLV begins a frame after the sound: the frame before is held for as long.
    for (name, codecs, frames) in [
        ("old.avi", "-c:v mpeg4 -c:a libmp3lame", 51),
        ("old.wmv", "-c:v wmv2 -c:a wmav2", 51),
        ("old.flv", "-c:v flv1 -c:a libmp3lame -ar 44100", 51),
        ("old.mpg", "-c:v mpeg2video -c:a mp2", 50),
    ] {
        let picture = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=d=2";
        let file = clips.make(name, &format!("{picture} {codecs}"));
        let video = stack.ready(&file);
        check(
            &video,
            &Expected {
                frames,
                frame_rate: (25, 1),
                size: (320, 240),
                renditions: &["240p"],
                language: Some("und"),
            },
        );
    }
}

/// Joined recordings state the length of their first part.
#[test]
fn a_source_longer_than_it_states_is_published_whole() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let part = fs::read(clips.make(
        "part.ts",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=4 -c:v mpeg2video -b:v 1M",
    ))
    .unwrap();
    let file = clips.file("joined.ts", &part.repeat(4));
    let video = stack.ready(&file);
    let frames = count_frames(video["playback"]["hls"].as_str().unwrap());
    assert!(frames.abs_diff(400) <= 4, "{frames} of 400 frames");
}

/// A window share or a broadcast may change its size half-way, and a broadcast has fields.
#[test]
fn a_picture_that_changes_its_size_keeps_every_frame() {
    let (stack, clips) = (Stack::get(), Clips::new());
    for (name, sizes, fields) in [
        ("shared", ["640x360", "320x240"], ""),
        (
            "broadcast",
            ["720x576", "720x480"],
            "-vf fps=50,interlace -flags +ilme+ildct",
        ),
    ] {
        let part = |size| {
            let args =
                format!("-f lavfi -i testsrc2=s={size}:r=25:d=2 {fields} -c:v mpeg2video -b:v 1M");
            fs::read(clips.make("part.ts", &args)).unwrap()
        };
        let file = clips.file(&format!("{name}.ts"), &sizes.map(part).concat());
        let video = stack.ready(&file);
        let frames = count_frames(video["playback"]["hls"].as_str().unwrap());
        assert!(frames.abs_diff(100) <= 2, "{name}: {frames} of 100 frames");
    }
}

/// A broadcast has more channels in the film than in the advertisement.
#[test]
fn sound_that_changes_its_channels_is_all_there() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let part = |at, channels| {
        let args = format!(
            "-f lavfi -i testsrc2=s=320x240:r=25:d=3 -f lavfi -i sine=440:r=48000:d=3,pan={channels} \
             -c:v libx264 -preset ultrafast -c:a ac3 -output_ts_offset {at}"
        );
        fs::read(clips.make("part.ts", &args)).unwrap()
    };
    let parts = [
        part(0, "stereo|c0=c0|c1=c0"),
        part(3, "5.1|c0=c0|c1=c0|c2=0*c0|c3=0*c0|c4=0*c0|c5=0*c0"),
    ];
    let video = stack.ready(&clips.file("film.ts", &parts.concat()));
    let samples = samples(video["playback"]["hls"].as_str().unwrap());
    // Quiet is where the codec of each part tunes in, and nothing else.
    let heard = samples
        .chunks(48)
        .filter(|millisecond| millisecond.iter().any(|sample| sample.abs() > 0.02));
    let heard = heard.count();
    assert!((5965..6060).contains(&heard), "{heard} ms of 6 s are heard");
}

/// Sound may begin late, pause, and come back with other channels. The silence between is made while
/// the picture goes on, and ffmpeg's threads must not wait for each other; they did one time in five.
#[test]
fn sound_that_pauses_does_not_hold_up_the_picture() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let part = |at: u32, channels: u32| {
        let args = format!(
            "-f lavfi -i testsrc2=s=320x240:r=25:d=6 -itsoffset 1 -f lavfi -i sine=440:r=48000:d=4 \
             -c:v libx264 -preset ultrafast -c:a ac3 -ac {channels} -output_ts_offset {at}"
        );
        fs::read(clips.make("part.ts", &args)).unwrap()
    };
    let file = clips.file("pauses.ts", &[part(0, 2), part(6, 1), part(12, 2)].concat());
    for _ in 0..4 {
        let video = stack.ready(&file);
        let samples = samples(video["playback"]["hls"].as_str().unwrap());
        assert!(samples.len() >= 18 * 48_000, "{} samples", samples.len());
        for (second, samples) in samples.chunks(48_000).take(18).enumerate() {
            let is_loud = |millisecond: &&[f32]| millisecond.iter().any(|s| s.abs() > 0.02);
            let heard = samples.chunks(48).filter(is_loud).count();
            let expected = if (1..5).contains(&(second % 6)) {
                1000
            } else {
                0
            };
            // The codec's frames, of 32 ms, begin and end near a second's.
            assert!(
                heard.abs_diff(expected) <= 40,
                "second {second}: {heard} ms"
            );
        }
    }
}

/// One channel is as loud in two as players make it themselves.
#[test]
fn a_single_channel_keeps_its_level() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "mono.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=440:r=48000:d=2 \
         -c:v libx264 -preset ultrafast -c:a aac -b:a 128k",
    );
    let video = stack.ready(&file);
    let stereo = channels(video["playback"]["hls"].as_str().unwrap());
    for channel in [stereo.left, stereo.right] {
        let level = channel[24_000..72_000]
            .iter()
            .fold(0.0, |most: f32, s| most.max(s.abs()));
        // The tone's amplitude is an eighth.
        assert!((level - 0.125).abs() < 0.01, "{level}");
    }
}

/// An RGB picture has the colours of its source, on every player: they are converted and tagged.
#[test]
fn an_rgb_picture_keeps_its_colors() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "red.mov",
        "-f lavfi -i color=red:s=1280x720:r=25:d=1,format=gbrp -c:v qtrle -pix_fmt rgb24",
    );
    let video = stack.ready(&file);
    let url = video["playback"]["hls"].as_str().unwrap();
    let luma = luma(url);
    // Pure red is Y = 63 by BT.709, and 81 by BT.601.
    assert!((luma[10] - 63.0).abs() < 2.0, "{}", luma[10]);
}
