//! Asks ffprobe what a source is.

use reelrun_core::{
    command::{self, SourceUrl},
    complaint,
    error::{ErrorType, VideoError},
    source::{Measured, Packets, SourceFault, SourceInfo, SourceLimits},
};

use crate::{
    error::StepError,
    process::{self, Ended, Programs},
};

/// More text than this says nothing useful about a video.
const MAX_PROBE_BYTES: u64 = 1 << 20;

/// The facts about a source, or why it can't be encoded.
pub async fn probe(
    programs: &Programs,
    source: SourceUrl<'_>,
    limits: SourceLimits,
) -> Result<SourceInfo, StepError> {
    let (json, complaints) = ffprobe(programs, source).await?;
    match SourceInfo::parse(&json, None, limits) {
        Err(SourceFault::LengthUnknown { video_stream }) => {
            measured(programs, source, limits, &json, video_stream).await
        }
        // What was too large to be decoded has no size that could be told.
        Err(SourceFault::Final(error)) if error.kind == ErrorType::MalformedMedia => {
            Err(complaint::too_large(&complaints).unwrap_or(error).into())
        }
        result => result.map_err(fault),
    }
}

/// The same, for a source that is longer than it states, or lacks an index: it is read whole.
pub async fn probe_measured(
    programs: &Programs,
    source: SourceUrl<'_>,
    limits: SourceLimits,
    video_stream: u32,
) -> Result<SourceInfo, StepError> {
    let (json, _) = ffprobe(programs, source).await?;
    measured(programs, source, limits, &json, video_stream).await
}

async fn measured(
    programs: &Programs,
    source: SourceUrl<'_>,
    limits: SourceLimits,
    json: &str,
    video_stream: u32,
) -> Result<SourceInfo, StepError> {
    let measured = measure(programs, source, video_stream).await?;
    SourceInfo::parse(json, Some(&measured), limits).map_err(fault)
}

/// What ffprobe says, and what it complains of beside.
async fn ffprobe(
    programs: &Programs,
    source: SourceUrl<'_>,
) -> Result<(String, String), StepError> {
    let args = command::probe(source);
    let (ended, json) = process::output(&programs.ffprobe, &args, MAX_PROBE_BYTES).await?;
    if ended.status.success() {
        Ok((json, ended.stderr))
    } else {
        Err(blame(&ended))
    }
}

fn fault(fault: SourceFault) -> StepError {
    match fault {
        SourceFault::Final(error) => error.into(),
        SourceFault::LengthUnknown { .. } => no_frames().into(),
    }
}

/// Reads every packet to learn what a source does not say of itself.
async fn measure(
    programs: &Programs,
    source: SourceUrl<'_>,
    stream: u32,
) -> Result<Measured, StepError> {
    let args = command::probe_packets(source, stream);
    let mut packets = Packets::default();
    let ended = process::each_line(&programs.ffprobe, &args, |line| packets.add(line)).await?;
    if !ended.status.success() {
        return Err(blame(&ended));
    }
    packets.measured().ok_or_else(|| no_frames().into())
}

fn no_frames() -> VideoError {
    VideoError::new(
        ErrorType::MalformedMedia,
        "It holds no frame that can be shown.",
    )
}

fn blame(ended: &Ended) -> StepError {
    match complaint::explain(&ended.stderr) {
        Some(error) if !ended.was_killed() => error.into(),
        _ => StepError::Transient(format!(
            "ffprobe ended with {}: {}",
            ended.status,
            ended.stderr.trim()
        )),
    }
}
