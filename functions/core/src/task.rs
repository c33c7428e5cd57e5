//! What the state machine asks of the transcode function, and what it is started with.
//!
//! Messages name things and never carry them: the plan is in storage, where its run's key says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{keys::RunId, video::VideoId};
use reelrun_media::{
    error::{ErrorType, VideoError},
    plan::Part,
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
    /// Whether its video is `errored` as `internal`: the operator has something to fix. A refused
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
    /// The version of the function that carries it out, as `name:version`.
    pub function: String,
    /// How the parts are spread.
    pub spread: Spread,
    /// How many parts a group has, if they come in groups.
    pub group_size: usize,
    /// What is encoded at the same time.
    pub parts: Vec<Part>,
}

/// How a state machine goes about the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// Within the execution, which encodes [`AT_ONCE`] at a time.
    Inline,
    /// In groups, each in an execution of its own.
    Grouped,
}

/// The most parts that one execution encodes at the same time, and the most groups.
const AT_ONCE: usize = 40;

impl RunInput {
    /// The input of a run over these parts, which this version of the function carries out; so many of them
    /// may be encoded at the same time.
    pub fn new(
        video: VideoId,
        run: RunId,
        function: String,
        parts: Vec<Part>,
        max_parallel: u32,
    ) -> Self {
        let max_parallel = usize::try_from(max_parallel).unwrap_or(usize::MAX);
        // All groups are encoded at the same time.
        let groups = parts
            .len()
            .div_ceil(AT_ONCE)
            .min(max_parallel / AT_ONCE)
            .clamp(1, AT_ONCE);
        Self {
            video,
            run,
            function,
            spread: if groups > 1 {
                Spread::Grouped
            } else {
                Spread::Inline
            },
            group_size: parts.len().div_ceil(groups),
            parts,
        }
    }
}

/// The execution's name, used once.
pub fn execution_name(video: VideoId, run: &RunId) -> String {
    format!("{video}-{run}")
}

/// The end of a video that could not be encoded by our fault; of a part of it, if one is named.
pub fn run_failed(part: Option<&str>) -> VideoError {
    let what = part.map_or_else(|| "It".into(), |part| format!("A part of it ({part})"));
    VideoError::new(
        ErrorType::Internal,
        format!(
            "{what} could not be transcoded, however often it was tried. The upload is kept, and the operator of this service can have it tried again."
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(parts: u32, max_parallel: u32) -> RunInput {
        let video = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap();
        let chunks = (1..parts).map(Part::Chunk);
        let parts = [Part::Audio(1, 0)].into_iter().chain(chunks).collect();
        let function = "reelrun-transcode:7".to_owned();
        RunInput::new(
            video,
            RunId::new("abc", 1, 1),
            function,
            parts,
            max_parallel,
        )
    }

    #[test]
    fn a_run_is_told_its_parts_in_few_bytes() {
        let json = serde_json::to_value(run(1600, 1000)).unwrap();
        assert_eq!(json["spread"], "grouped");
        assert_eq!(
            (&json["parts"][0], &json["parts"][1]),
            (&json!({"audio": [1, 0]}), &json!({"chunk": 1}))
        );
        assert_eq!(json["run"], "abc-1");
        assert_eq!(json["function"], "reelrun-transcode:7");
        // A state machine's messages hold 256 KiB.
        assert!(json.to_string().len() < 64 * 1024);
    }

    #[test]
    fn groups_are_as_many_as_may_be_encoded_at_the_same_time() {
        let groups = |parts, max_parallel| {
            let input = run(parts, max_parallel);
            (
                input.spread,
                parts.div_ceil(input.group_size.try_into().unwrap()),
            )
        };
        assert_eq!(groups(40, 1000), (Spread::Inline, 1));
        assert_eq!(groups(41, 1000), (Spread::Grouped, 2));
        assert_eq!(groups(1000, 1000), (Spread::Grouped, 25));
        // Within a group, parts take turns.
        assert_eq!(groups(1000, 100), (Spread::Grouped, 2));
        assert_eq!(groups(1000, 79), (Spread::Inline, 1));
        assert_eq!(groups(2000, 3000), (Spread::Grouped, 40));
        assert_eq!(groups(1, 1), (Spread::Inline, 1));
    }

    #[test]
    fn failures_name_their_part() {
        let detail = |part| run_failed(part).detail;
        assert!(detail(Some("chunk 2 of 5")).starts_with("A part of it (chunk 2 of 5) could not"));
        assert!(detail(None).starts_with("It could not"));
    }
}
