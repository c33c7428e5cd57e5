//! The text tracks of a video: they are added, changed and removed at any time, and published once the
//! video is.
//!
//! The record says which tracks there are to be. Whenever that changes what players are to be offered, the
//! record is *pending*: as soon as the video is ready, somebody claims it, brings what is published into
//! line with it, and says so. A claim ends by itself, so one that dies holds nothing up for long. Each change
//! counts [`TextTracks::version`] up, and holds only for the version that it was made from: of two at the
//! same time one is refused, and is to be made again of the record as it is.

use serde_json::json;

use super::{
    Change, Field, Guard, Lease, Transition, held_by, is, status, stored,
    timing::IN_FLIGHT_PUT_GRACE,
};
use crate::{
    timestamp::Timestamp,
    video::{
        Status, TextTracks, Video,
        track::{TextTrack, TextTrackKind, TextTrackStatus},
    },
};

/// What a pending record says. A word, since that is what streams are filtered by everywhere.
const PENDING: &str = "yes";

/// The most text tracks that a video has.
pub const MAX_TRACKS: usize = 50;

/// There are too many already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyTracks;

/// A list with one more.
pub fn added(tracks: &TextTracks, track: TextTrack) -> Result<Vec<TextTrack>, TooManyTracks> {
    if tracks.list.len() >= MAX_TRACKS {
        return Err(TooManyTracks);
    }
    let mut list = tracks.list.clone();
    list.push(track);
    Ok(list)
}

/// A list with those that are in the video's own file, as far as it does not have them: an earlier attempt
/// may have found them. What owners added keeps its place in players' menus, and no more than
/// [`MAX_TRACKS`] are taken over.
pub fn with_embedded(tracks: &TextTracks, found: Vec<TextTrack>) -> Vec<TextTrack> {
    let mut list = tracks.list.clone();
    let stream = |track: &TextTrack| track.embedded.map(|embedded| embedded.stream);
    for track in found {
        let is_there = list.iter().any(|one| stream(one) == stream(&track));
        if !is_there && list.len() < MAX_TRACKS {
            list.push(track);
        }
    }
    list
}

/// An encode tells which tracks are in the video's file. Holds for the video as it was seen.
pub fn note_embedded(lease: &Lease, video: &Video, list: &[TextTrack]) -> Transition {
    let Transition { guard, changes, .. } = change_tracks(video, list);
    Transition {
        name: "note the tracks of the video's file",
        guard: Guard::All(vec![held_by(&lease.holder), guard]),
        changes,
    }
}

/// A list in which all that are to be read from the video's file are asked for.
pub fn asked_for(list: &[TextTrack]) -> Vec<TextTrack> {
    let mut list = list.to_vec();
    for track in list.iter_mut().filter(|one| one.is_to_be_extracted()) {
        if let Some(embedded) = &mut track.embedded {
            embedded.is_asked_for = true;
        }
    }
    list
}

/// A track's file was read, and can be shown or not, for this reason. If it comes from the video's file, it is
/// no default where there is one that the owner added, who knew of it.
pub fn note_arrival(list: &mut [TextTrack], at: usize, error: Option<&str>) {
    list[at].status = match error {
        None => TextTrackStatus::Preparing,
        Some(_) => TextTrackStatus::Errored,
    };
    list[at].error = error.map(Into::into);
    let of_chapters = is_of_chapters(&list[at]);
    let is_rival = |track: &TextTrack| {
        let is_added = track.embedded.is_none();
        // One whose file is still on its way, too.
        let may_come = track.status != TextTrackStatus::Errored;
        is_added && track.is_default && may_come && is_of_chapters(track) == of_chapters
    };
    if list[at].embedded.is_some() && list.iter().any(is_rival) {
        list[at].is_default = false;
    }
    keep_one_default(list, at);
}

/// There are two menus: of subtitles and captions, and of chapters.
fn is_of_chapters(track: &TextTrack) -> bool {
    track.kind == TextTrackKind::Chapters
}

/// Of tracks that are chosen from one menu, the default is the one that was made it last. One that players
/// can't be offered takes it from no other.
pub fn keep_one_default(list: &mut [TextTrack], newest: usize) {
    if !list[newest].is_default || !is_offered(&list[newest]) {
        return;
    }
    let of_chapters = is_of_chapters(&list[newest]);
    for (index, track) in list.iter_mut().enumerate() {
        if index != newest && is_of_chapters(track) == of_chapters {
            track.is_default = false;
        }
    }
}

/// The tracks are to be these. Holds for the video as it was seen.
pub fn change_tracks(video: &Video, list: &[TextTrack]) -> Transition {
    let mut changes = vec![
        Change::Set(Field::Tracks, json!(list)),
        Change::Increment(Field::TracksVersion),
    ];
    let stays = |track: &TextTrack| list.iter().any(|one| one.id == track.id);
    // Of one that was never offered, its file is to go.
    let is_new = offered(list) != offered(&video.tracks.list);
    let has_gone = !video.tracks.list.iter().all(stays);
    if is_new || has_gone || list.iter().any(TextTrack::is_to_be_extracted) {
        changes.push(Change::Set(Field::TracksPending, PENDING.into()));
    }
    Transition {
        name: "change the video's tracks",
        guard: Guard::All(vec![
            Guard::Exists,
            Guard::IsNot(Field::Status, status(Status::Deleting)),
            is_version_of(video),
        ]),
        changes,
    }
}

/// What players are offered, or are to be.
fn offered(list: &[TextTrack]) -> Vec<&TextTrack> {
    list.iter().filter(|track| is_offered(track)).collect()
}

/// Whether players are offered a track, or are to be.
pub fn is_offered(track: &TextTrack) -> bool {
    matches!(
        track.status,
        TextTrackStatus::Preparing | TextTrackStatus::Ready
    )
}

/// Whether something is to be published, and may be now. While a video's objects move, nothing is stored; it
/// is followed by what is pending.
pub fn may_be_published(video: &Video) -> bool {
    video.status == Status::Ready && video.moving_to.is_none() && video.tracks.are_pending
}

/// Somebody is to bring what is published into line with the record, and nobody else until then.
pub fn claim_tracks(now: Timestamp, until: Timestamp) -> Transition {
    Transition {
        name: "claim the video's tracks",
        guard: Guard::All(vec![
            is(Status::Ready),
            Guard::Absent(Field::MovingTo),
            Guard::Is(Field::TracksPending, PENDING.into()),
            Guard::Any(vec![
                Guard::Absent(Field::TracksHeldUntil),
                Guard::Below(Field::TracksHeldUntil, now.as_millis()),
            ]),
        ]),
        changes: vec![Change::Set(Field::TracksHeldUntil, stored(until))],
    }
}

/// What is published is in line with the record as it was claimed; but for tracks that are still
/// `preparing`, for which there was no time. Refused if the record has changed since: then it is to be done
/// again.
pub fn finish_tracks(claimed: &Video, list: &[TextTrack]) -> Transition {
    let is_left = |track: &TextTrack| track.status == TextTrackStatus::Preparing;
    let pending = if list.iter().any(is_left) {
        Change::Set(Field::TracksPending, PENDING.into())
    } else {
        Change::Remove(Field::TracksPending)
    };
    Transition {
        name: "note that the video's tracks are published",
        guard: Guard::All(vec![is_claim_of(claimed), is_version_of(claimed)]),
        changes: vec![
            Change::Set(Field::Tracks, json!(list)),
            Change::Increment(Field::TracksVersion),
            pending,
            Change::Remove(Field::TracksHeldUntil),
        ],
    }
}

/// Somebody else may go on; but what was sent may take effect for a moment (see [`tracks_drained_at`]).
pub fn release_tracks(claimed: &Video, now: Timestamp) -> Transition {
    Transition {
        name: "release the video's tracks",
        guard: is_claim_of(claimed),
        changes: vec![Change::Set(Field::TracksHeldUntil, stored(now))],
    }
}

/// From when on nobody stores anything for a video's tracks, unless they are claimed again.
pub fn tracks_drained_at(video: &Video) -> Option<Timestamp> {
    let held_until = video.tracks.held_until;
    held_until.map(|until| until + IN_FLIGHT_PUT_GRACE)
}

fn is_version_of(video: &Video) -> Guard {
    match video.tracks.version {
        0 => Guard::Absent(Field::TracksVersion),
        version => Guard::Is(Field::TracksVersion, version.into()),
    }
}

fn is_claim_of(video: &Video) -> Guard {
    match video.tracks.held_until {
        Some(until) => Guard::Is(Field::TracksHeldUntil, stored(until)),
        None => Guard::Absent(Field::TracksHeldUntil),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        lifecycle::timing::TRACKS_CLAIM,
        video::{Visibility, track::Embedded},
    };

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn track(n: u8, status: TextTrackStatus) -> TextTrack {
        TextTrack {
            id: format!("01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d{n:02x}")
                .parse()
                .unwrap(),
            kind: TextTrackKind::Subtitles,
            language: "de".into(),
            name: None,
            is_default: true,
            is_forced: false,
            filename: "de.srt".into(),
            size_bytes: 100,
            embedded: None,
            status,
            published_bytes: 0,
            error: None,
        }
    }

    fn video(status: Status) -> Video {
        let id = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap();
        Video {
            status,
            ..Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 1)
        }
    }

    fn claim(now: Timestamp) -> Transition {
        claim_tracks(now, now + TRACKS_CLAIM)
    }

    fn after(video: &Video, transition: &Transition) -> Option<Video> {
        let Value::Object(record) = json!(video) else {
            unreachable!()
        };
        let after = transition.apply(Some(&record))?;
        Some(serde_json::from_value(after.into()).unwrap())
    }

    fn with(video: &Video, list: &[TextTrack]) -> Video {
        after(video, &change_tracks(video, list)).unwrap()
    }

    #[test]
    fn what_has_not_arrived_is_nothing_to_publish() {
        let waiting = with(&video(Status::Ready), &[track(1, TextTrackStatus::Waiting)]);
        assert!(!may_be_published(&waiting));
        let arrived = with(&waiting, &[track(1, TextTrackStatus::Preparing)]);
        assert!(may_be_published(&arrived));
        let failed = with(&waiting, &[track(1, TextTrackStatus::Errored)]);
        assert!(!may_be_published(&failed));
    }

    #[test]
    fn of_two_changes_at_once_one_is_made_again() {
        let seen = video(Status::Preparing);
        let first = with(&seen, &[track(1, TextTrackStatus::Waiting)]);
        let second = change_tracks(&seen, &[track(2, TextTrackStatus::Waiting)]);
        assert_eq!(after(&first, &second), None);
        let list = added(&first.tracks, track(2, TextTrackStatus::Waiting)).unwrap();
        let both = with(&first, &list);
        assert_eq!((both.tracks.list.len(), both.tracks.version), (2, 2));
        // A file that may never come takes no default away.
        let mut list = both.tracks.list;
        let defaults =
            |list: &[TextTrack]| -> Vec<bool> { list.iter().map(|one| one.is_default).collect() };
        keep_one_default(&mut list, 1);
        assert_eq!(defaults(&list), [true, true]);
        list[1].status = TextTrackStatus::Preparing;
        keep_one_default(&mut list, 1);
        assert_eq!(defaults(&list), [false, true]);
    }

    #[test]
    fn what_is_in_the_file_is_read_once_and_goes_after_what_was_added() {
        let embedded = |stream, n| TextTrack {
            embedded: Some(Embedded {
                stream,
                clock_start_us: 0,
                is_asked_for: false,
            }),
            ..track(n, TextTrackStatus::Waiting)
        };
        let seen = with(
            &video(Status::Preparing),
            &[track(1, TextTrackStatus::Preparing)],
        );
        let found = || vec![embedded(Some(2), 2), embedded(Some(3), 3)];
        let list = with_embedded(&seen.tracks, found());
        let found_once = with(&seen, &list);
        assert!(found_once.tracks.are_pending);
        // By the next attempt, too.
        assert_eq!(with_embedded(&found_once.tracks, found()), list);
        let mut asked = asked_for(&list);
        assert!(list.iter().any(TextTrack::is_to_be_extracted));
        assert!(!asked.iter().any(TextTrack::is_to_be_extracted));
        let left = |list: &[TextTrack]| {
            let left = list.iter().filter_map(TextTrack::stream_to_extract);
            left.count()
        };
        assert_eq!(left(&asked), 2);
        note_arrival(&mut asked, 1, None);
        note_arrival(&mut asked, 2, Some("It has no text."));
        assert_eq!(left(&asked), 0);
        assert!(asked[0].is_default && !asked[1].is_default);
        assert_eq!(asked[2].status, TextTrackStatus::Errored);
        // Unless its owner wants it.
        asked[1].is_default = true;
        keep_one_default(&mut asked, 1);
        assert!(!asked[0].is_default && asked[1].is_default);
        // There are only so many.
        let mut full = video(Status::Preparing);
        full.tracks.list = vec![track(1, TextTrackStatus::Waiting); MAX_TRACKS];
        let list = with_embedded(&full.tracks, found());
        assert_eq!(list.len(), MAX_TRACKS);
    }

    #[test]
    fn there_is_an_end_of_tracks() {
        let mut video = video(Status::Waiting);
        video.tracks.list = vec![track(1, TextTrackStatus::Waiting); MAX_TRACKS];
        let more = added(&video.tracks, track(2, TextTrackStatus::Waiting));
        assert_eq!(more, Err(TooManyTracks));
    }

    #[test]
    fn one_publishes_at_a_time_and_only_what_is_ready_and_stays_where_it_is() {
        let list = [track(1, TextTrackStatus::Preparing)];
        for status in [Status::Waiting, Status::Preparing, Status::Errored] {
            let pending = with(&video(status), &list);
            assert!(!may_be_published(&pending));
            assert_eq!(after(&pending, &claim(NOW)), None);
        }
        let pending = with(&video(Status::Ready), &list);
        let moving = Video {
            moving_to: Some(Visibility::Private),
            ..pending.clone()
        };
        assert!(!may_be_published(&moving));
        assert_eq!(after(&moving, &claim(NOW)), None);
        let claimed = after(&pending, &claim(NOW)).unwrap();
        assert_eq!(after(&claimed, &claim(NOW)), None);
        let late = NOW + TRACKS_CLAIM + std::time::Duration::from_millis(1);
        assert!(after(&claimed, &claim(late)).is_some());
        assert_eq!(
            tracks_drained_at(&claimed),
            Some(NOW + TRACKS_CLAIM + IN_FLIGHT_PUT_GRACE)
        );
        let released = after(&claimed, &release_tracks(&claimed, NOW)).unwrap();
        assert!(may_be_published(&released));
        assert_eq!(
            tracks_drained_at(&released),
            Some(NOW + IN_FLIGHT_PUT_GRACE)
        );
        let next = NOW + std::time::Duration::from_millis(1);
        assert!(after(&released, &claim(next)).is_some());
    }

    #[test]
    fn what_changed_meanwhile_is_published_once_more() {
        let list = [track(1, TextTrackStatus::Preparing)];
        let pending = with(&video(Status::Ready), &list);
        let claimed = after(&pending, &claim(NOW)).unwrap();
        let done = [track(1, TextTrackStatus::Ready)];
        let finished = after(&claimed, &finish_tracks(&claimed, &done)).unwrap();
        assert!(!finished.tracks.are_pending && finished.tracks.held_until.is_none());
        assert_eq!(finished.tracks.list, done);
        // Or where there was no time for all of it.
        let some = [done[0].clone(), list[0].clone()];
        let some = after(&claimed, &finish_tracks(&claimed, &some)).unwrap();
        assert!(may_be_published(&some) && some.tracks.held_until.is_none());
        let changed = with(&claimed, &[]);
        assert_eq!(after(&changed, &finish_tracks(&claimed, &done)), None);
        // It is removed while it is published: no change is lost.
        assert!(may_be_published(&changed));
        // A video that is deleted is nobody's.
        let deleted = after(&claimed, &super::super::delete(NOW)).unwrap();
        assert_eq!(after(&deleted, &change_tracks(&deleted, &list)), None);
    }
}
