//! The measures themselves: each tells a right clip from a wrong one.

use reelrun_tests::{
    media::{Clips, text},
    readings::{Orientation, Picture, Sound},
};

use crate::matrix::{
    case::{Case, H264},
    runner::make,
};

const FLASH: u64 = 25;

/// The usual case, with this done to its picture, in the colours that its tags state.
fn picture(filter: &str) -> Picture {
    let tags = "-colorspace smpte170m -color_primaries smpte170m -color_trc smpte170m";
    let clips = Clips::new();
    let filter = if filter.is_empty() { "null" } else { filter };
    let case = Case::new("filtered", "mp4", &format!("-vf {filter} {H264} {tags}")).silent();
    Picture::read(text(&make(&clips, &case)))
}

#[test]
fn an_untouched_card_reads_as_it_is() {
    let picture = picture("");
    assert_eq!((picture.size, picture.frames()), ((320, 180), 50));
    let (orientation, delta_e) = picture.look().unwrap();
    assert_eq!(orientation, Orientation::UPRIGHT);
    assert!(delta_e < 2.0, "{delta_e}");
    assert_eq!(picture.flash(), Some(FLASH));
    assert!(picture.steps().iter().all(|step| *step == Some(1)));
    assert!((picture.times[49] - 1.96).abs() < 1e-6);
}

#[test]
fn each_way_to_hold_a_picture_is_told_from_the_others() {
    let turned = [
        ("transpose=clock", 1, false),
        ("hflip,vflip", 2, false),
        ("transpose=cclock", 3, false),
        ("hflip", 0, true),
        ("hflip,transpose=clock", 1, true),
        ("vflip", 2, true),
        ("hflip,transpose=cclock", 3, true),
    ];
    for (filter, quarter_turns, is_mirrored) in turned {
        let (orientation, delta_e) = picture(filter).look().unwrap();
        let made = Orientation {
            quarter_turns,
            is_mirrored,
        };
        assert_eq!(orientation, made, "{filter}");
        assert!(delta_e < 2.0, "{filter}: {delta_e}");
    }
}

#[test]
fn wrong_colors_are_far_off() {
    for (filter, least) in [
        // One matrix said, another used; limited range taken for full, and the other way round.
        (
            "scale=out_color_matrix=bt709,format=yuv420p,setparams=colorspace=smpte170m",
            8.0,
        ),
        ("scale=out_range=pc,format=yuv420p,setparams=range=tv", 6.0),
        (
            "lutyuv=y=16+val*219/255:u=128+(val-128)*224/255:v=128+(val-128)*224/255",
            6.0,
        ),
        // Red and blue exchanged; grey; brighter by a little.
        ("colorchannelmixer=0:0:1:0:0:1:0:0:1:0:0:0", 50.0),
        ("hue=s=0", 50.0),
        ("lutyuv=y=val*1.1", 5.0),
    ] {
        let (_, delta_e) = picture(filter).look().unwrap();
        assert!(delta_e > least, "{filter}: {delta_e}");
    }
}

#[test]
fn a_frame_that_is_missing_doubled_or_mixed_shows() {
    let wrong = |filter: &str| {
        let steps = picture(filter).steps();
        steps
            .into_iter()
            .filter(|step| *step != Some(1))
            .collect::<Vec<_>>()
    };
    assert_eq!(wrong("select=not(eq(n\\,10)),setpts=N/25/TB"), [Some(2)]);
    assert_eq!(wrong("loop=1:1:10,setpts=N/25/TB"), [Some(0)]);
    assert!(wrong("tmix=frames=2").len() > 40);
    // Fields that were left as they are: both are seen at once.
    let clips = Clips::new();
    let case = Case::new(
        "combed",
        "mp4",
        &format!("-vf interlace=lowpass=off {H264}"),
    );
    let picture = Picture::read(text(&make(&clips, &case.in_fields().silent())));
    assert!(picture.numbers().iter().all(Option::is_none));
}

#[test]
fn a_flash_or_beep_that_is_shifted_is_found_where_it_is() {
    assert_eq!(
        picture("tpad=start=3,setpts=N/25/TB").flash(),
        Some(FLASH + 3)
    );
    assert_eq!(picture("drawbox=color=black:t=fill").flash(), None);
    let onset = |args: &str| {
        let clips = Clips::new();
        let case = Case::new("shifted", "wav", &format!("-map 1 {args}"));
        Sound::read(text(&make(&clips, &case))).onset()
    };
    let at = |args: &str, seconds: f64| {
        let onset = onset(args).unwrap();
        assert!((onset - seconds).abs() < 0.001, "{args}: {onset}");
    };
    at("", 1.0);
    at("-af adelay=30:all=1", 1.03);
    at("-af atrim=start=0.25,asetpts=N/SR/TB", 0.75);
    at("-ac 1 -ar 8000 -c:a pcm_alaw", 1.0);
    assert_eq!(onset("-af volume=0"), None);
}
