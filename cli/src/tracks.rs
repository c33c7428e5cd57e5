//! Subtitles, captions and chapters of a video: listed, added, deleted.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::api::{Api, NewTrack, Status, Track, Video};
use crate::args::{TextFile, TracksArgs};
use crate::project::Project;
use crate::signals;
use crate::stack;
use crate::uploader::store;

/// The largest file that is read.
const MAX_BYTES: u64 = 10 << 20;
const POLL: Duration = Duration::from_millis(500);
/// A track is published within a minute, unless something is wrong.
const PUBLISHED: Duration = Duration::from_mins(5);

/// `cargo reelrun tracks`.
pub(crate) fn run(project: &Project, args: &TracksArgs) -> Result<u8> {
    let stack = stack::chosen(project, args.stack.as_deref())?;
    let api = Api::of(&stack)?;
    for track in &args.delete {
        api.delete_track(&args.id, track)?;
    }
    let mut added = Vec::new();
    for (kind, files) in [
        ("subtitles", &args.subtitles),
        ("captions", &args.captions),
        ("chapters", &args.chapters),
    ] {
        for file in files {
            added.push(add(&api, &args.id, kind, file)?);
        }
    }
    let video = settled(&api, &args.id, &added)?;
    if args.json {
        println!("{}", video.json["tracks"]);
    } else {
        print(project, &video);
    }
    Ok(u8::from(has_failed(&video)))
}

/// Whether a track that was added to the video can't be shown.
pub(crate) fn has_failed(video: &Video) -> bool {
    let mut added = video.tracks.iter().filter(|track| track.is_uploaded());
    added.any(|track| track.error.is_some())
}

/// Adds a track to a video. Its id.
pub(crate) fn add(api: &Api, video: &str, kind: &str, file: &TextFile) -> Result<String> {
    let path = file.path.display();
    let bytes = fs::read(&file.path).with_context(|| format!("cannot read {path}"))?;
    ensure!(!bytes.is_empty(), "{path} is empty");
    ensure!(
        bytes.len() as u64 <= MAX_BYTES,
        "{path} has more than {} MB: is it a subtitle file?",
        MAX_BYTES >> 20
    );
    let name = file.path.file_name().unwrap_or(file.path.as_os_str());
    let track = NewTrack {
        kind,
        language: &file.language,
        filename: &name.to_string_lossy(),
    };
    let added = api.create_track(video, &track, bytes.len());
    added
        .and_then(|(id, signed)| store(&api.store, &signed, &bytes).map(|()| id))
        .with_context(|| format!("{path} is not added"))
}

/// The video, once what was added is read, and, if the video is ready, published. It may never be, then the
/// list says so.
pub(crate) fn settled(api: &Api, id: &str, added: &[String]) -> Result<Video> {
    let begun = Instant::now();
    loop {
        let video = api.video(id)?;
        let is_pending = |track: &&Track| match &*track.status {
            "waiting" => true,
            "preparing" => video.status == Status::Ready,
            _ => false,
        };
        let mut ours = video.tracks.iter().filter(|one| added.contains(&one.id));
        if !ours.any(|track| is_pending(&track)) || begun.elapsed() > PUBLISHED {
            return Ok(video);
        }
        signals::pause(POLL)?;
    }
}

/// Lists a video's tracks.
pub(crate) fn print(project: &Project, video: &Video) {
    for track in &video.tracks {
        let name = track.name.as_deref().unwrap_or_default();
        let flags = [(track.default, "default"), (track.forced, "forced")];
        let flags = flags.iter().filter(|(is_set, _)| *is_set);
        let words = flags.map(|(_, word)| *word).chain([name]);
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        project.say.line(&format!(
            "  {:<11} {:<7} {:<9} {}  {}",
            track.kind,
            track.language,
            track.status,
            track.id,
            words.join(", ")
        ));
        if let Some(error) = &track.error {
            project.say.line(&format!("              {error}"));
        }
    }
}
