//! Webhooks, signed as Standard Webhooks (standardwebhooks.com) asks.

use std::time::Duration;

use reelrun_core::notice::Delivery;
use reelrun_platform::{auth, now};
use standardwebhooks::Webhook;
use ureq::{
    Agent,
    unversioned::{resolver::DefaultResolver, transport::DefaultConnector},
};

use crate::{
    NotifyError,
    address::{Private, PublicOnly},
};

/// A receiver that takes longer should answer first and work then.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who is told by HTTP, and how.
#[derive(Debug)]
pub struct Webhooks {
    urls: Vec<String>,
    names: Vec<String>,
    secret: String,
    agent: Agent,
    /// Whether a URL may be plain `http`, which anybody on the way can read, and lead anywhere.
    permits_private: bool,
}

/// The configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WebhooksError {
    /// The secret is none.
    #[error(
        "WEBHOOK_SECRET must be `whsec_` and 24 to 64 bytes in base64, as `openssl rand -base64 32` makes them"
    )]
    Secret,
    /// A URL is none.
    #[error("WEBHOOK_URLS must be http(s) URLs, separated by commas")]
    Url,
}

impl Webhooks {
    /// Webhooks to these URLs, separated by commas; none if there are none.
    pub fn new(urls: &str, secret: &str, permits_private: bool) -> Result<Self, WebhooksError> {
        let urls: Vec<_> = urls
            .split(',')
            .map(|url| url.trim().to_owned())
            .filter(|url| !url.is_empty())
            .collect();
        let is_url = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        if !urls.iter().all(is_url) {
            return Err(WebhooksError::Url);
        }
        if !urls.is_empty() && !is_secret(secret) {
            return Err(WebhooksError::Secret);
        }
        if !permits_private && urls.iter().any(|url| !url.starts_with("https://")) {
            tracing::warn!(
                "a webhook's URL is not https, so nothing is sent there: change it in WebhookUrls"
            );
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Where a redirect leads was not configured.
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .user_agent("Reelrun")
            .build();
        let connector = DefaultConnector::default();
        let agent = if permits_private {
            Agent::with_parts(config, connector, DefaultResolver::default())
        } else {
            Agent::with_parts(config, connector, PublicOnly::default())
        };
        Ok(Self {
            names: urls.iter().map(|url| name_of(url)).collect(),
            urls,
            secret: secret.into(),
            agent,
            permits_private,
        })
    }

    /// The receivers' names, by which [`Self::deliver`] knows them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Sends a notice to one receiver. Any answer of 2xx is an acknowledgement.
    pub async fn deliver(&self, delivery: Delivery) -> Result<(), NotifyError> {
        let refused = |why: &str| NotifyError::Refused(why.into());
        let mut receivers = self.names.iter().zip(&self.urls);
        let url = receivers.find_map(|(name, url)| (*name == delivery.receiver).then_some(url));
        let url = url
            .ok_or_else(|| refused("this receiver is configured no more"))?
            .clone();
        if !self.permits_private && !url.starts_with("https://") {
            return Err(refused(
                "the webhook's URL is not https, so anybody on the way could read what is sent: change it in WebhookUrls (WebhookPrivateAddresses=permitted allows http)",
            ));
        }
        let webhook = Webhook::new(&self.secret).map_err(|_| refused("there is no secret"))?;
        let body = serde_json::to_vec(&delivery.payload)
            .map_err(|why| NotifyError::Refused(why.to_string()))?;
        // When it is sent: receivers refuse what is too old.
        let timestamp = now().as_secs();
        let signature = webhook
            .sign(&delivery.id, timestamp, &body)
            .map_err(|why| NotifyError::Refused(why.to_string()))?;
        let request = self
            .agent
            .post(&url)
            .header("content-type", "application/json")
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature);
        let sent = tokio::task::spawn_blocking(move || request.send(body)).await;
        let sent = sent.map_err(|why| NotifyError::Undelivered(why.to_string()))?;
        match sent {
            Ok(answer) if answer.status().is_success() => Ok(()),
            // Gone, as Standard Webhooks has it: it wants no more.
            Ok(answer) if answer.status() == 410 => Err(refused("the receiver is gone (410)")),
            Ok(answer) => Err(NotifyError::Undelivered(format!(
                "the receiver answered {}",
                answer.status()
            ))),
            Err(ureq::Error::Other(why)) if why.is::<Private>() => {
                Err(NotifyError::Refused(why.to_string()))
            }
            Err(why) => Err(NotifyError::Undelivered(why.to_string())),
        }
    }
}

/// A receiver's name: the same for as long as its URL is configured, wherever in the list.
fn name_of(url: &str) -> String {
    let mut name = auth::hash(url);
    name.truncate(16);
    name
}

/// As Standard Webhooks has it: 24 to 64 bytes.
fn is_secret(secret: &str) -> bool {
    let key = secret.strip_prefix("whsec_");
    key.is_some_and(|key| (32..=88).contains(&key.len())) && Webhook::new(secret).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn a_signature_is_that_of_the_published_vector() {
        let webhook = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = webhook.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(
            signature.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_receiver_keeps_its_name_when_others_go() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let names = |urls| Webhooks::new(urls, secret, false).unwrap().names().to_vec();
        let two = names("https://a.example/x, https://b.example");
        assert_eq!(names("https://b.example"), two[1..]);
        assert_ne!(two[0], two[1]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nothing_is_sent_in_the_clear_unless_that_is_permitted() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let delivered = async |permits_private| {
            let url = "http://127.0.0.1:1/hook";
            let webhooks = Webhooks::new(url, secret, permits_private).unwrap();
            let delivery = serde_json::json!({
                "id": "x", "receiver": webhooks.names()[0],
                "payload": {"type": "video.ready", "timestamp": "2026-01-01T00:00:00Z", "data": {}},
            });
            let delivery = serde_json::from_value(delivery).unwrap();
            webhooks.deliver(delivery).await.unwrap_err()
        };
        let refused = delivered(false).await;
        assert!(
            matches!(&refused, NotifyError::Refused(why) if why.contains("https")),
            "{refused}"
        );
        let unreachable = delivered(true).await;
        assert!(
            matches!(unreachable, NotifyError::Undelivered(_)),
            "{unreachable}"
        );
    }

    #[test]
    fn what_can_not_be_used_is_refused_at_the_start() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert!(Webhooks::new("", "", false).unwrap().names().is_empty());
        let two = Webhooks::new("https://a.example/x, https://b.example", secret, false);
        assert_eq!(two.unwrap().names().len(), 2);
        for wrong in ["", "x", "whsec_", "whsec_c2hvcnQ=", &secret[6..]] {
            let refused = Webhooks::new("https://a", wrong, false);
            assert!(matches!(refused, Err(WebhooksError::Secret)), "{wrong}");
        }
        assert!(matches!(
            Webhooks::new("ftp://a", secret, false),
            Err(WebhooksError::Url)
        ));
    }
}
