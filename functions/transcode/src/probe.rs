//! Asks ffprobe what a source is.

use std::ops::ControlFlow;

use reelrun_media::{
    allowance::{Allowance, Exceeded},
    command::{self, SourceUrl},
    complaint::{self, is_network_trouble},
    error::{ErrorType, VideoError},
    source::{Measured, Packets, SourceFault, SourceInfo, SourceLimits},
};

use crate::{
    error::StepError,
    process::{self, Ended, Programs, sandbox},
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
        Err(SourceFault::LengthUnknown {
            video_stream,
            size_bytes,
        }) => measured(programs, source, size_bytes, limits, &json, video_stream).await,
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
    known: &SourceInfo,
) -> Result<SourceInfo, StepError> {
    let (json, _) = ffprobe(programs, source).await?;
    let stream = known.video.index;
    measured(programs, source, known.size_bytes, limits, &json, stream).await
}

async fn measured(
    programs: &Programs,
    source: SourceUrl<'_>,
    size_bytes: u64,
    limits: SourceLimits,
    json: &str,
    video_stream: u32,
) -> Result<SourceInfo, StepError> {
    let measured = measure(programs, source, size_bytes, video_stream).await?;
    SourceInfo::parse(json, Some(&measured), limits).map_err(fault)
}

/// What ffprobe says, and what it complains of beside.
async fn ffprobe(
    programs: &Programs,
    source: SourceUrl<'_>,
) -> Result<(String, String), StepError> {
    let args = command::probe(source);
    let allowance = Allowance::probe(programs.memory_mb);
    let (ended, json) =
        process::output(&programs.ffprobe, &args, MAX_PROBE_BYTES, allowance).await?;
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
    size_bytes: u64,
    stream: u32,
) -> Result<Measured, StepError> {
    let args = command::probe_packets(source, stream);
    let mut packets = Packets::default();
    let allowance = Allowance::scan(programs.memory_mb, size_bytes);
    let ended = process::each_line(&programs.ffprobe, &args, allowance, |line| {
        packets.add(line);
        if packets.are_too_many(size_bytes) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .await?;
    if packets.are_too_many(size_bytes) {
        return Err(VideoError::new(
            ErrorType::MalformedMedia,
            "It repeats itself, or is cut into more pieces than any video has. Export it again, then upload it again.",
        )
        .into());
    }
    if !ended.status.success() {
        return Err(blame(&ended));
    }
    if is_network_trouble(&ended.stderr) {
        return Err(StepError::unread(&ended.stderr));
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
    match ended.exceeded {
        Some(Exceeded::Memory) => return Exceeded::Memory.while_probing().into(),
        Some(stall) => return StepError::Stalled(stall.while_probing()),
        None => {}
    }
    if ended.has_crashed() {
        tracing::error!(status = %ended.status, stderr = ended.stderr.trim(), "ffprobe has crashed");
        sandbox::suspect();
        return VideoError::new(
            ErrorType::MalformedMedia,
            "It can't be read without harm. Export it again, then upload it again.",
        )
        .into();
    }
    match complaint::explain(&ended.stderr) {
        Some(error) if !ended.was_killed() => error.into(),
        _ => StepError::Transient(format!(
            "ffprobe ended with {}: {}",
            ended.status,
            ended.stderr.trim()
        )),
    }
}
