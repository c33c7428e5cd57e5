//! What ffprobe says of a file: a plan is made of anything that it may say.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use reelrun_media::{
    command::{self, SourceUrl, Way},
    encoder::Preset,
    ladder::VideoCodecs,
    plan::{FanOut, Plan, Settings},
    source::{
        AudioOnlyChoice, AudioOnlySource, Chosen, Container, Head, Keyframe, Measured, Next, Probe,
        Selection, SourceInfo, SourceLimits, Trial,
    },
};

const SETTINGS: Settings = Settings {
    max_short_side: 1080,
    preset: Preset::Balanced,
    codecs: VideoCodecs { av1: true },
    fan_out: FanOut {
        max_parallel: 40,
        target: Duration::from_secs(1),
        memory_mb: 128,
    },
};

fuzz_target!(|text: &str| {
    let limits = SourceLimits {
        max_duration_seconds: 43_200,
        accepts_audio_only: true,
    };
    // What a trial decode says comes after ffprobe's JSON.
    let (json, messages) = text.split_once("\n[").unwrap_or((text, ""));
    let mut trial = Trial::default();
    format!("[{messages}")
        .lines()
        .for_each(|line| trial.add(line));
    let Ok(probe) = Probe::parse(json, false) else {
        return;
    };
    let choice = AudioOnlyChoice::new(&probe, &trial);
    let measured = Measured {
        end_us: i64::try_from(text.len()).unwrap_or(0) * 10_000_000,
        keyframes: (0..1000).map(packet).collect(),
        is_joined: false,
    };
    if let Ok(Ok(audio)) = choice.map(|it| AudioOnlySource::new(&probe, &it, &measured, limits)) {
        let plan = Plan::of_audio_only(&audio, SETTINGS);
        assert!(plan.frames() > 0 && plan.parts().count() > 0);
        check(&plan, audio.container, audio.reads_deep);
    }
    let mut selection = Selection::new(&probe);
    let tried = selection.as_mut().map(|selection| selection.tried(&trial));
    let chosen = match tried {
        Ok(Ok(Next::Chosen(chosen))) => Ok(*chosen),
        _ => Chosen::as_stated(&probe),
    };
    let head = Head {
        container: Container::Mp4,
        has_index: true,
    };
    let info = chosen.map(|chosen| SourceInfo::new(&probe, head, &chosen, None, limits));
    let Ok(Ok(info)) = info else {
        return;
    };
    let plan = Plan::new(&info, SETTINGS);
    assert!(plan.frames() > 0);
    assert!(!plan.renditions().is_empty());
    check(&plan, info.container, info.reads_deep);
});

fn packet(number: i64) -> Keyframe {
    Keyframe {
        at_us: number * 26_122,
        position: number.unsigned_abs() * 417,
    }
}

fn check(plan: &Plan, container: Container, reads_deep: bool) {
    let source = SourceUrl {
        url: "http://127.0.0.1/source",
        ca_file: None,
        container,
        reads_deep,
    };
    for part in plan.parts() {
        assert!(command::encode(plan, part, source, Way::default()).is_some());
    }
}
