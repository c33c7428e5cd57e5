//! Whether somebody is told that the video is ready.

use std::env;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use serde_json::Value;

use super::super::place::Place;
use super::super::receiver::{Notification, Receiver};
use super::super::report::{Miss, Outcome, Report};
use super::uploads::pause;
use crate::signals;

/// What a stack signs with; it is in no file.
const SECRET: &str = "REELRUN_WEBHOOK_SECRET";

/// A notification follows its video within seconds; one that fails is tried again after 5 and 20.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(250);

pub(in super::super) fn check(
    report: &mut Report,
    receiver: Option<&Receiver>,
    video: Option<&Value>,
) -> Result<()> {
    const TOLD: &str = "a webhook tells that the video is ready";
    const SIGNED: &str = "the webhook is signed";
    let (Some(receiver), Some(video)) = (receiver, video) else {
        let why = match receiver {
            None => "not configured: name where the stack's WebhookUrls lead with --webhook-listen",
            Some(_) => "no video is ready",
        };
        report.not_checked(TOLD, why);
        return Ok(());
    };
    let told = report.check(TOLD, || told(receiver, video))?;
    let Some(told) = told else {
        report.not_checked(SIGNED, "none came");
        return Ok(());
    };
    report.check(SIGNED, || {
        let Ok(secret) = env::var(SECRET) else {
            let why = format!("{SECRET} is not set to the stack's WebhookSecret");
            return Err(Miss::NotChecked(why));
        };
        match told.forged(&secret, SystemTime::now()) {
            None => Ok(((), "as Standard Webhooks specifies".into())),
            Some(came) => {
                let expected = "a signature by WebhookSecret (Standard Webhooks)";
                Err(Miss::fault(expected, came, Place::Notify))
            }
        }
    })?;
    Ok(())
}

/// Waits for the notification about a video.
fn told(receiver: &Receiver, video: &Value) -> Outcome<Notification> {
    let begun = Instant::now();
    loop {
        let received = receiver.received();
        let about = received.iter().find(|one| is_about(one, &video["id"]));
        if let Some(about) = about {
            return Ok((about.clone(), "video.ready".into()));
        }
        if begun.elapsed() > PATIENCE || signals::stopped() {
            return Err(Miss::fault(
                format!("video.ready about {} within a minute", video["id"]),
                format!("{} notifications, none about it", received.len()),
                Place::Notify,
            ));
        }
        pause(POLL);
    }
}

fn is_about(notification: &Notification, id: &Value) -> bool {
    let body: Value = serde_json::from_slice(&notification.body).unwrap_or_default();
    body["type"] == "video.ready" && body["data"]["id"] == *id
}
