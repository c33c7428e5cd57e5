//! Asks ffprobe what a source is.

use reelrun_core::{
    command::{self, SourceUrl},
    error::{ErrorType, VideoError},
    source::{SourceFault, SourceInfo, SourceLimits, explain_probe_failure},
};

use crate::{
    error::StepError,
    process::{self, Ended, Programs},
};

/// More text than this says nothing useful about a video.
const MAX_PROBE_BYTES: u64 = 1 << 20;

/// Room for the packets of half a day at 60 frames per second.
const MAX_PACKETS_BYTES: u64 = 128 << 20;

/// The facts about a source, or why it can't be encoded.
pub async fn probe(
    programs: &Programs,
    source: SourceUrl<'_>,
    limits: SourceLimits,
) -> Result<SourceInfo, StepError> {
    let (ended, json) =
        process::output(&programs.ffprobe, &command::probe(source), MAX_PROBE_BYTES).await?;
    if !ended.status.success() {
        return Err(blame(&ended));
    }
    match SourceInfo::parse(&json, None, limits) {
        Ok(info) => Ok(info),
        Err(SourceFault::Final(error)) => Err(error.into()),
        Err(SourceFault::LengthUnknown { video_stream }) => {
            let end = measure(programs, source, video_stream).await?;
            SourceInfo::parse(&json, Some(end), limits).map_err(|fault| match fault {
                SourceFault::Final(error) => error.into(),
                SourceFault::LengthUnknown { .. } => no_frames().into(),
            })
        }
    }
}

/// Reads every packet to learn how long a source is that does not say so.
async fn measure(
    programs: &Programs,
    source: SourceUrl<'_>,
    stream: u32,
) -> Result<i64, StepError> {
    let args = command::probe_packets(source, stream);
    let (ended, lines) = process::output(&programs.ffprobe, &args, MAX_PACKETS_BYTES).await?;
    if !ended.status.success() {
        return Err(blame(&ended));
    }
    command::last_packet_end_us(&lines).ok_or_else(|| no_frames().into())
}

fn no_frames() -> VideoError {
    VideoError::new(
        ErrorType::MalformedMedia,
        "It holds no frame that can be shown.",
    )
}

fn blame(ended: &Ended) -> StepError {
    match explain_probe_failure(&ended.stderr) {
        Some(error) if !ended.was_killed() => error.into(),
        _ => StepError::Transient(format!(
            "ffprobe ended with {}: {}",
            ended.status,
            ended.stderr.trim()
        )),
    }
}
