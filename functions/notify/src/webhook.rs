//! Webhooks, signed as Standard Webhooks (standardwebhooks.com) asks.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, uri::Scheme};
use reelrun_core::notice::Delivery;
use reelrun_platform::{auth, now};
use standardwebhooks::Webhook;

use crate::{
    NotifyError,
    post::{Client, PostError},
};

/// Who is told by HTTP, and how.
pub struct Webhooks {
    urls: Vec<Uri>,
    names: Vec<String>,
    secret: String,
    client: Client,
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
    /// No connection could be secure.
    #[error("TLS is not to be had: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

impl Webhooks {
    /// Webhooks to these URLs, separated by commas; none if there are none.
    pub fn new(urls: &str, secret: &str, permits_private: bool) -> Result<Self, WebhooksError> {
        let texts = urls.split(',').map(str::trim);
        let texts: Vec<_> = texts.filter(|url| !url.is_empty()).collect();
        let urls: Vec<_> = texts.iter().filter_map(|text| parse_url(text)).collect();
        if urls.len() < texts.len() {
            return Err(WebhooksError::Url);
        }
        if !urls.is_empty() && !is_secret(secret) {
            return Err(WebhooksError::Secret);
        }
        if !permits_private && !urls.iter().all(is_https) {
            tracing::warn!(
                "a webhook's URL is not https, so nothing is sent there: change it in WebhookUrls"
            );
        }
        Ok(Self {
            names: texts.into_iter().map(name_of).collect(),
            urls,
            secret: secret.into(),
            client: Client::new(permits_private)?,
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
        let unusable = |why: &dyn std::error::Error| NotifyError::Refused(why.to_string());
        let mut receivers = self.names.iter().zip(&self.urls);
        let url = receivers.find_map(|(name, url)| (*name == delivery.receiver).then_some(url));
        let url = url.ok_or_else(|| refused("this receiver is configured no more"))?;
        if !self.permits_private && !is_https(url) {
            return Err(refused(
                "the webhook's URL is not https, so anybody on the way could read what is sent: change it in WebhookUrls (WebhookPrivateAddresses=permitted allows http)",
            ));
        }
        let webhook = Webhook::new(&self.secret).map_err(|_| refused("there is no secret"))?;
        let body = serde_json::to_vec(&delivery.payload).map_err(|why| unusable(&why))?;
        // When it is sent: receivers refuse what is too old.
        let timestamp = now().as_secs();
        let signature = webhook
            .sign(&delivery.id, timestamp, &body)
            .map_err(|why| unusable(&why))?;
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (header::CONTENT_TYPE, "application/json"),
            (HeaderName::from_static("webhook-id"), &*delivery.id),
            (
                HeaderName::from_static("webhook-timestamp"),
                &*timestamp.to_string(),
            ),
            (HeaderName::from_static("webhook-signature"), &*signature),
        ] {
            let value = HeaderValue::from_str(value).map_err(|why| unusable(&why))?;
            headers.insert(name, value);
        }
        match self.client.post(url, headers, body).await {
            Ok(status) if status.is_success() => Ok(()),
            // Gone, as Standard Webhooks has it: it wants no more.
            Ok(StatusCode::GONE) => Err(refused("the receiver is gone (410)")),
            Ok(status) => Err(NotifyError::Undelivered(format!(
                "the receiver answered {status}"
            ))),
            Err(why @ (PostError::Private | PostError::Url(_))) => Err(unusable(&why)),
            Err(why) => Err(NotifyError::Undelivered(why.to_string())),
        }
    }
}

fn parse_url(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let is_http = url.scheme() == Some(&Scheme::HTTP) || is_https(&url);
    (is_http && url.host().is_some()).then_some(url)
}

fn is_https(url: &Uri) -> bool {
    url.scheme() == Some(&Scheme::HTTPS)
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
