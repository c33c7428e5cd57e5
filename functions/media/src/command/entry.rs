//! Where a part enters what it reads, and by which clock.

use super::{Args, AudioSource, SourceUrl, Way};
use crate::plan::{COPY_CLOCK_START_S, ENTER_EARLY_US, Entry, Part, Plan, Span};

/// Names the inputs of a part; gives the number of the one that its sound is in.
pub(super) fn inputs(
    args: &mut Args,
    plan: &Plan,
    part: Part,
    span: Span,
    way: Way,
    sound: Option<&AudioSource>,
    source: SourceUrl<'_>,
) -> usize {
    if !enters_exactly(plan, part, span, way) {
        enter(args, plan, part, span, way, sound, source);
        args.input(source);
        return 0;
    }
    args.words("-copyts -start_at_zero");
    args.enter(source, last_moment_of_first_frame(plan, span));
    args.input(source);
    let Some(AudioSource::FromSource { enter_us, .. }) = sound else {
        return 0;
    };
    args.enter(source, enter_us.saturating_sub(ENTER_EARLY_US));
    args.input(source);
    1
}

/// Whether a part enters its source at the keyframe that it begins with, if it does, and so decodes nothing
/// that is not shown. Its sound, which has to be entered earlier, is then read by itself.
fn enters_exactly(plan: &Plan, part: Part, span: Span, way: Way) -> bool {
    plan.enters_exactly
        && way.entry == Entry::Planned
        && !span.is_first
        && !part.is_audio()
        && plan.entries.is_none()
        && plan.copy.is_none()
}

/// Up to when a frame of the source may begin and still be the first of a part: `fps` takes the last one whose
/// time is nearest to it.
fn last_moment_of_first_frame(plan: &Plan, span: Span) -> u64 {
    let begin = plan.grid.micros_at(span.first_frame);
    let end = plan.grid.micros_at(span.first_frame + 1);
    begin.midpoint(end) - 1
}

/// Where a part enters its only input.
fn enter(
    args: &mut Args,
    plan: &Plan,
    part: Part,
    span: Span,
    way: Way,
    sound: Option<&AudioSource>,
    source: SourceUrl<'_>,
) {
    let entries = plan.entries.as_ref();
    let copy = plan.copy.as_ref().filter(|_| plan.reads_copy(part));
    if let Some(copy) = copy {
        for (name, value) in copy.color.options() {
            args.pair(name, value);
        }
    }
    let enter_us = || {
        let sound_us = match sound {
            Some(AudioSource::FromSource { enter_us, .. }) => *enter_us,
            _ => u64::MAX,
        };
        let first_us = plan.grid.micros_at(span.first_frame).min(sound_us);
        let planned_us = first_us.saturating_sub(ENTER_EARLY_US);
        way.entry
            .earlier_than(planned_us)
            .filter(|_| !span.is_first)
    };
    let clock_start_us = entries
        .map(|entries| entries.clock_start_us)
        .or(plan.late_start_us);
    if let Some(AudioSource::FromSource {
        entry: Some(entry), ..
    }) = sound
    {
        // Its clock begins there.
        args.pair("-skip_initial_bytes", entry.position.to_string());
    } else if copy.is_some() {
        args.words("-copyts");
        args.pair("-itsoffset", format!("{}", -COPY_CLOCK_START_S));
        if let Some(enter_us) = enter_us() {
            args.enter(source, enter_us);
        }
    } else if let Some(start_us) = clock_start_us {
        // The clock is the container's, whichever of its streams are read.
        args.words("-copyts");
        args.pair("-itsoffset", format!("{}us", -start_us));
        if plan.late_start_us.is_some() {
            // What comes before does not decode, be it most of the source.
            args.words("-max_error_rate 1");
        }
        let position = entries.and_then(|entries| entries.position(part, way.entry));
        if let Some(position) = position.filter(|_| !span.is_first) {
            args.pair("-skip_initial_bytes", position.to_string());
        }
    } else if let Some(enter_us) = enter_us() {
        args.words("-copyts -start_at_zero");
        args.enter(source, enter_us);
    }
}
