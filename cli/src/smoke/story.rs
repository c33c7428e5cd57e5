//! What happens, in its order, and what can't happen because something before it did not.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::clips::{CLIP, Clips, Files, LONG};
use super::receiver::Receiver;
use super::report::{Count, Report};
use super::steps::library::Remains;
use super::steps::playback::Player;
use super::steps::uploads::{Becomes, Sent, settled};
use super::steps::{api, delivery, library, page, pictures, storage, tracks, uploads, webhook};
use super::target::Target;
use crate::project::Project;

const QUICK: &str = "left out (--quick)";

/// What happens, in its order.
pub(super) struct Story<'a> {
    pub(super) project: &'a Project,
    pub(super) target: &'a Target<'a>,
    pub(super) player: Player<'a>,
    pub(super) clips: &'a Clips,
    pub(super) files: &'a Files,
    pub(super) receiver: Option<&'a Receiver>,
    pub(super) patience: Duration,
}

impl Story<'_> {
    pub(super) fn tell(&self, report: &mut Report) -> Result<()> {
        let (target, files) = (self.target, self.files);
        let answers = self.step(report, "api", "Asking the API", |report| {
            api::check(target, report)
        })?;
        if !answers {
            report.not_checked("everything else", "the API does not answer");
            return Ok(());
        }
        let clip = self.step(report, "store", "Sending a video", |report| {
            storage::check(target, report, &files.clip)
        })?;
        let clip = clip.map(Sent::now);
        let sent = self.step(report, "upload", "Sending others", |report| {
            self.send(report)
        })?;
        let ready = self.step(report, "encode", "Waiting for them", |report| {
            self.wait(report, clip.as_ref(), &sent)
        })?;
        let mut remains = Remains::default();
        let plays = self.step(report, "play", "Playing them", |report| {
            self.play(report, &ready, &mut remains)
        })?;
        let reads_media = ready.clip.as_ref().map(|_| plays);
        self.step(report, "page", "Opening the page", |report| {
            page::check(target, report, reads_media)
        })?;
        self.step(report, "library", "Changing and finding it", |report| {
            if let Some(video) = &ready.clip {
                library::change(target, report, video)?;
                tracks::check(target, report, video)?;
            } else {
                report.not_checked("a video's details", "no video is ready");
            }
            webhook::check(report, self.receiver, ready.clip.as_ref())
        })?;
        self.step(report, "delete", "Deleting them", |report| {
            library::delete(target, report, &remains)
        })
    }

    fn step<T>(
        &self,
        report: &mut Report,
        name: &'static str,
        what: &str,
        work: impl FnOnce(&mut Report) -> Result<T>,
    ) -> Result<T> {
        let live = self.project.say.begin(what);
        let before = report.rows.len();
        report.begin(name);
        let done = work(report)?;
        live.done_with(&Count::of(&report.rows[before..]).words());
        Ok(done)
    }

    fn send(&self, report: &mut Report) -> Result<Others> {
        let (target, files) = (self.target, self.files);
        let long = if let Some(file) = &files.long {
            uploads::sent(target, report, "a long video", file)?.map(Sent::in_chunks)
        } else {
            report.not_checked("a long video", QUICK);
            None
        };
        let parts = if files.long.is_some() {
            uploads::in_parts(target, report, self.clips, &files.clip)?
        } else {
            report.not_checked("a large file is taken in parts", QUICK);
            None
        };
        Ok(Others {
            cut: uploads::sent(target, report, "a video that breaks off", &files.cut)?,
            text: uploads::sent(target, report, "a file that is no video", &files.text)?,
            long,
            parts,
        })
    }

    fn wait(&self, report: &mut Report, clip: Option<&Sent>, sent: &Others) -> Result<Ready> {
        let mut one = |what: &str, sent: Option<&Sent>, becomes| -> Result<Option<Value>> {
            if let Some(sent) = sent {
                return report.check(what, || settled(self.target, sent, self.patience, becomes));
            }
            report.not_checked(what, "it was not sent");
            Ok(None)
        };
        let clip = one("an ordinary video is ready", clip, Becomes::Ready)?;
        let cut = Becomes::Errored("malformed-media");
        one(
            "one that breaks off is refused, and why",
            sent.cut.as_ref(),
            cut,
        )?;
        let text = Becomes::Errored("not-a-video");
        let text = one(
            "a file that is no video is refused, and why",
            sent.text.as_ref(),
            text,
        )?;
        let parts = one(
            "what was sent in parts is ready",
            sent.parts.as_ref(),
            Becomes::Ready,
        )?;
        let long = one("a long video is ready", sent.long.as_ref(), Becomes::Ready)?;
        if let Some(sent) = sent.text.as_ref().filter(|_| text.is_some()) {
            let url = format!("{}/uploads/{}/source", self.target.stack.cdn_url, sent.id);
            report.check("nobody can read the refused file", || {
                library::refused(self.target, &url)
            })?;
        }
        Ok(Ready { clip, long, parts })
    }

    /// Whether the ordinary video can be read.
    fn play(&self, report: &mut Report, ready: &Ready, remains: &mut Remains) -> Result<bool> {
        let player = &self.player;
        let mut is_readable = false;
        if let Some(video) = &ready.clip {
            let found = player.hls(report, "ordinary", video)?;
            player.dash(report, "ordinary", video)?;
            for format in ["hls", "dash"] {
                player.decoded(report, "ordinary", video, format, &CLIP)?;
            }
            pictures::check(player, report, video)?;
            match &found {
                Some(found) => {
                    is_readable = true;
                    delivery::check(self.target, report, video, found, &self.files.clip)?;
                    remains.extend(video, found);
                }
                None => report.not_checked("how its files are served", "its HLS is not readable"),
            }
        } else {
            report.not_checked("an ordinary video plays", "none is ready");
        }
        match &ready.parts {
            Some(video) => player.decoded(report, "in parts", video, "hls", &CLIP)?,
            None => report.not_checked("what was sent in parts plays", "it is not ready"),
        }
        let Some(video) = &ready.long else {
            report.not_checked("a long video plays", "it is not ready");
            return Ok(is_readable);
        };
        let found = player.hls(report, "long", video)?;
        player.decoded(report, "long", video, "hls", &LONG)?;
        if let Some(found) = found {
            player.chunks(report, "long", &found)?;
        }
        Ok(is_readable)
    }
}

/// Videos that were sent beside the ordinary one.
struct Others {
    long: Option<Sent>,
    parts: Option<Sent>,
    cut: Option<Sent>,
    text: Option<Sent>,
}

/// Videos that are ready.
struct Ready {
    clip: Option<Value>,
    long: Option<Value>,
    parts: Option<Value>,
}
