//! What the state machine asks of the transcode function, and what it is started with.
//!
//! Messages name things and never carry them: the plan is in storage, where its run's key says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{keys::RunId, video::VideoId};
use reelrun_media::{
    error::{ErrorType, VideoError},
    plan::{Part, Plan},
};

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What is to be done.
    pub task: TaskKind,
    /// For which video.
    pub video: VideoId,
    /// In which run.
    pub run: RunId,
    /// Which part: of an encode, and of a failure that was one part's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// What went wrong, in the state machine's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TaskFailure>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// Encode one part.
    Encode,
    /// Put the parts together and publish them.
    Publish,
    /// Say that the video has failed, and whose fault that is.
    Fail,
}

/// What a state machine knows of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaskFailure {
    /// Its name.
    #[serde(default)]
    pub error: String,
    /// More of it; JSON or text.
    #[serde(default)]
    pub cause: String,
}

/// How a run that came to nothing ended: what a [`TaskKind::Fail`] is answered that is about the
/// whole of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RunEnd {
    /// Whether its video is `errored` as `internal`: the operator has something to mend. A refused
    /// source is no fault of ours, nor is a video that was deleted or taken over meanwhile, or is
    /// ready after all.
    pub is_our_fault: bool,
}

/// Whether an event is a task. Those of S3 have no such field.
pub fn is_task(event: &Value) -> bool {
    event.get("task").is_some()
}

/// The state machine's input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunInput {
    /// The video.
    pub video: VideoId,
    /// This run over it.
    pub run: RunId,
    /// How the parts are spread.
    pub spread: Spread,
    /// What is encoded at the same time.
    pub parts: Vec<Part>,
}

/// How a state machine goes about the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// Within the execution, which holds 40 at a time.
    Inline,
    /// Each in an execution of its own.
    Distributed,
}

/// The most parts that are encoded within one execution.
const INLINE_PARTS: usize = 40;

impl RunInput {
    /// The input for a plan.
    pub fn new(video: VideoId, run: RunId, plan: &Plan) -> Self {
        let parts: Vec<_> = plan.parts().collect();
        Self {
            video,
            run,
            spread: if parts.len() > INLINE_PARTS {
                Spread::Distributed
            } else {
                Spread::Inline
            },
            parts,
        }
    }
}

/// The execution's name, used once.
pub fn execution_name(video: VideoId, run: &RunId) -> String {
    format!("{video}-{run}")
}

/// The end of a video of which a part could not be encoded by our fault.
pub fn part_failed(plan: Option<&Plan>, part: Option<Part>) -> VideoError {
    let what = match (plan, part) {
        (Some(plan), Some(part)) => format!("A part of it ({})", plan.describe(part)),
        (None, Some(part)) => format!("A part of it ({part})"),
        (_, None) => "It".into(),
    };
    VideoError::new(
        ErrorType::Internal,
        format!(
            "{what} could not be transcoded, however often it was tried. The upload is kept, and the operator of this service can have it tried again."
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reelrun_media::{
        encoder::Preset,
        ladder::VideoCodecs,
        plan::{FanOut, Settings},
        source::{AudioStream, Container, Seeking, SourceInfo, VideoStream},
        timeline::FrameRate,
    };
    use serde_json::json;

    use super::*;

    /// A plan of 1080p at 25 fps that lasts so many seconds, with sound that is a part of its own.
    fn plan(seconds: u64) -> Plan {
        let end_us = seconds * 1_000_000;
        let source = SourceInfo {
            container: Container::Mp4,
            size_bytes: 1000,
            duration_us: end_us,
            clock_start_us: 0,
            keyframes: Vec::new(),
            seeking: Seeking::Exact,
            video: VideoStream {
                index: 0,
                codec: "h264".into(),
                width: 1920,
                height: 1080,
                decoded: (1920, 1080),
                frame_rate: FrameRate::new(25, 1).unwrap(),
                start_us: 0,
                end_us,
                end_is_exact: true,
                interlaced: false,
                hdr: false,
                color_is_stated: false,
            },
            audio: Some(AudioStream {
                index: 1,
                codec: "opus".into(),
                language: "und".into(),
                start_us: 0,
                end_us: Some(end_us),
                channels: 2,
                exact_sample_rate: None,
            }),
        };
        let settings = Settings {
            max_short_side: 1080,
            preset: Preset::Balanced,
            codecs: VideoCodecs { av1: false },
            fan_out: FanOut {
                max_parallel: 1000,
                target: Duration::from_secs(15),
                memory_mb: 3008,
            },
        };
        Plan::new(&source, settings)
    }

    #[test]
    fn a_run_is_told_its_parts_in_few_bytes() {
        let plan = plan(43_200);
        let video = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap();
        let input = RunInput::new(video, RunId::new("abc", 1, 1), &plan);
        let json = serde_json::to_value(&input).unwrap();
        assert_eq!(json["spread"], "distributed");
        assert_eq!(
            (&json["parts"][0], &json["parts"][1]),
            (&json!("sound"), &json!({"chunk": 0}))
        );
        assert_eq!(json["run"], "abc-1");
        // A state machine's messages hold 256 KiB.
        assert!(json.to_string().len() < 64 * 1024);
    }

    #[test]
    fn failures_name_their_part() {
        let plan = plan(60);
        let detail = part_failed(Some(&plan), Some(Part::Chunk(1))).detail;
        assert!(detail.contains("chunk 2 of "), "{detail}");
    }
}
