//! Uploads files and waits until they can be watched.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::api::{Api, Privacy, Status, Video};
use crate::args::{TextFile, UploadArgs};
use crate::project::Project;
use crate::signals;
use crate::stack;
use crate::tracks;
use crate::ui;
use crate::uploader;

/// Between two questions whether a video is ready; later the second.
const POLL: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];
/// From then on the longer pause will do.
const POLL_EAGERLY: Duration = Duration::from_mins(1);
/// A store tells of an upload within a second, and the sweep makes up for an event that was lost within
/// ten minutes. A video that still waits after this has to queue, or nobody is at work.
const NOTICED: Duration = Duration::from_mins(15);

/// `cargo reelrun upload`.
pub(crate) fn run(project: &Project, args: &UploadArgs) -> Result<u8> {
    project.say.line("Reelrun: upload");
    for file in &args.files {
        check_file(file)?;
    }
    let stack = stack::chosen(project, args.stack.as_deref())?;
    let api = Api::of(&stack)?;
    let privacy = match (args.private, args.encrypt) {
        (_, true) => Privacy::Encrypted,
        (true, false) => Privacy::Private,
        (false, false) => Privacy::AsDeployed,
    };
    ensure!(
        args.subtitles.is_empty() || args.files.len() == 1,
        "--subtitles works with one file only; upload the others separately"
    );
    let mut errored = false;
    for file in &args.files {
        let mut video = upload(project, &api, file, privacy, &args.subtitles)?;
        if video.status == Status::Ready {
            // Nobody waits for those that are in the file itself.
            let added = video.tracks.iter().filter(|track| track.is_uploaded());
            let added: Vec<_> = added.map(|track| track.id.clone()).collect();
            video = tracks::settled(&api, &video.id, &added)?;
        }
        errored |= video.status == Status::Errored || tracks::has_failed(&video);
        if args.json {
            println!("{}", video.json);
        } else {
            introduce(project, &api, &video);
        }
    }
    Ok(u8::from(errored))
}

/// Uploads one file and waits until it is ready or errored.
pub(crate) fn upload(
    project: &Project,
    api: &Api,
    file: &Path,
    privacy: Privacy,
    subtitles: &[TextFile],
) -> Result<Video> {
    let size = check_file(file)?;
    let name = file
        .file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy();
    let granted = api.create_upload(file, size, privacy)?;
    // Whether they can be sent is known before the video is.
    for file in subtitles {
        tracks::add(api, &granted.video_id, "subtitles", file)?;
    }

    let step = project
        .say
        .begin_measured(&format!("Uploading {name} ({})", ui::size(size)));
    uploader::send(api, &granted, file, size, &|done| step.at(done))?;
    // The store says so as well, a moment later: nothing depends on this.
    let _ = api.complete_upload(&granted);
    step.done();

    let step = project.say.begin_measured("Preparing it for playback");
    let begun = Instant::now();
    loop {
        let video = api.video(&granted.video_id)?;
        match video.status {
            Status::Ready => {
                step.done();
                return Ok(video);
            }
            Status::Errored => {
                step.done_with("errored");
                return Ok(video);
            }
            Status::Waiting if begun.elapsed() > NOTICED => bail!(
                "the upload arrived, but nothing began to prepare it within {}: other videos may have \
                 taken all functions, then its turn comes; else see the transcode function's log",
                ui::seconds(NOTICED)
            ),
            Status::Waiting | Status::Preparing => step.at(video.progress.unwrap_or(0.0)),
        }
        signals::pause(POLL[usize::from(begun.elapsed() > POLL_EAGERLY)])?;
    }
}

/// Says where a video is, or why it is not.
pub(crate) fn introduce(project: &Project, api: &Api, video: &Video) {
    if let Some(problem) = &video.error {
        project
            .say
            .line(&format!("  errored     {}", problem.words()));
    }
    for (name, url) in [("HLS", &video.playback.hls), ("DASH", &video.playback.dash)] {
        if let Some(url) = url {
            project.say.line(&format!("  {name:<11} {url}"));
        }
    }
    tracks::print(project, video);
    project
        .say
        .line(&format!("  video       {}", api.video_url(&video.id)));
}

/// The file's size, if it can be uploaded at all.
pub(crate) fn check_file(file: &Path) -> Result<u64> {
    let metadata = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(metadata.is_file(), "{} is not a file", file.display());
    ensure!(metadata.len() > 0, "{} is empty", file.display());
    Ok(metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_with_something_in_them_are_uploaded() {
        let folder = std::env::temp_dir().join(format!("reelrun-upload-{}", std::process::id()));
        fs::create_dir_all(folder.join("folder.mp4")).expect("made");
        fs::write(folder.join("empty.mp4"), "").expect("written");
        fs::write(folder.join("some.mp4"), "x").expect("written");
        let check = |name: &str| check_file(&folder.join(name)).map_err(|error| error.to_string());
        let found = [
            check("some.mp4"),
            check("empty.mp4"),
            check("folder.mp4"),
            check("missing.mp4"),
        ];
        fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(found[0], Ok(1));
        assert!(
            found[1]
                .as_ref()
                .is_err_and(|error| error.ends_with("is empty"))
        );
        assert!(
            found[2]
                .as_ref()
                .is_err_and(|error| error.ends_with("is not a file"))
        );
        assert!(
            found[3]
                .as_ref()
                .is_err_and(|error| error.starts_with("cannot read"))
        );
    }
}
