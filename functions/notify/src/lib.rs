//! Tells others when a video is ready or has failed.
//!
//! The table's stream says that a record has come to an end. For each such end one execution of a state
//! machine is started, named by it: whatever is delivered twice, it is told once. The state machine
//! publishes an event, and calls this function again for each webhook, with patience.
#![forbid(unsafe_code)]

mod address;
mod post;
pub mod webhook;

use reelrun_core::{
    change,
    notice::{Delivery, Links, Notice, Receivers},
};
use reelrun_platform::{
    now,
    state_machine::{StateMachine, StateMachineError},
};
use serde::Deserialize as _;
use serde_json::Value;

use self::webhook::Webhooks;

/// What the function works with.
pub struct Notify {
    /// Starts deliveries.
    pub deliveries: StateMachine,
    /// The CDN's base URL.
    pub public_url: String,
    /// The page's base URL.
    pub page_url: String,
    /// Who is told by HTTP.
    pub webhooks: Webhooks,
    /// Whether a mail is sent, too.
    pub mails: bool,
}

/// A notice did not get where it should.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// It never will.
    #[error("{0}")]
    Refused(String),
    /// It may, later.
    #[error("{0}")]
    Undelivered(String),
    /// The state machine could not be started.
    #[error(transparent)]
    StateMachine(#[from] StateMachineError),
}

impl Notify {
    /// Handles an event of the table's stream, or a delivery that the state machine asks for.
    pub async fn handle(&self, event: Value) -> Result<(), NotifyError> {
        if event.get("receiver").is_some() {
            let delivery = Delivery::deserialize(&event)
                .map_err(|why| NotifyError::Refused(format!("not a delivery: {why}")))?;
            return self.webhooks.deliver(delivery).await;
        }
        for change in change::parse(&event) {
            let to = Receivers {
                webhooks: self.webhooks.names(),
                mail: self.mails,
            };
            let links = Links {
                media: &self.public_url,
                page: &self.page_url,
            };
            let Some(notice) = Notice::of(&change, links, to, now()) else {
                continue;
            };
            self.deliveries.start(&notice.id, &notice).await?;
            tracing::info!(video.id = %change.video, notice = notice.id, "notice given");
        }
        Ok(())
    }
}
