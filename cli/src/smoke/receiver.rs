//! A receiver of webhooks, as somebody who is told of videos has one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The largest notification that is read.
const LARGEST: usize = 1 << 20;
/// Who has not sent it by then is let go.
const PATIENCE: Duration = Duration::from_secs(10);
/// How old a notification may be.
const FRESH: Duration = Duration::from_mins(5);
/// SHA-256 works on blocks of this many bytes.
const BLOCK: usize = 64;

/// What was received.
#[derive(Clone, Debug, Default)]
pub(super) struct Notification {
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Listens until the command ends.
pub(super) struct Receiver {
    received: Arc<Mutex<Vec<Notification>>>,
}

impl Receiver {
    pub(super) fn listen(address: &str) -> Result<Self> {
        let listener =
            TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
        let received = Arc::<Mutex<Vec<_>>>::default();
        let kept = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // One that breaks off is sent again.
                let Ok(notification) = receive(&stream) else {
                    continue;
                };
                if let Ok(mut kept) = kept.lock() {
                    kept.push(notification);
                }
            }
        });
        Ok(Self { received })
    }

    /// What was received so far.
    pub(super) fn received(&self) -> Vec<Notification> {
        self.received
            .lock()
            .map_or_else(|_| Vec::new(), |received| received.clone())
    }
}

fn receive(mut stream: &TcpStream) -> io::Result<Notification> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream).take(2 * LARGEST as u64);
    let mut notification = Notification::default();
    let mut line = String::new();
    reader.read_line(&mut line)?;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let header = (name.to_ascii_lowercase(), value.trim().to_owned());
        notification.headers.push(header);
    }
    let length = notification.header("content-length").parse().unwrap_or(0);
    notification.body = vec![0; LARGEST.min(length)];
    reader.read_exact(&mut notification.body)?;
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")?;
    Ok(notification)
}

impl Notification {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// What is wrong with its signature, as Standard Webhooks specifies it.
    pub(super) fn forged(&self, secret: &str, now: SystemTime) -> Option<String> {
        let [id, timestamp, signatures] =
            ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| self.header(name));
        if id.is_empty() {
            return Some("no webhook-id".into());
        }
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let fresh = timestamp
            .parse::<u64>()
            .is_ok_and(|at| now.as_secs().abs_diff(at) <= FRESH.as_secs());
        if !fresh {
            return Some(format!("the webhook-timestamp {timestamp:?}"));
        }
        let Ok(key) = STANDARD.decode(secret.trim_start_matches("whsec_")) else {
            return Some("a secret that is no base64".into());
        };
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &self.body].concat();
        let expected = format!("v1,{}", STANDARD.encode(hmac(&key, &signed)));
        let is_signed = signatures.split(' ').any(|signature| signature == expected);
        (!is_signed).then(|| "another signature".into())
    }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message);
    let outer = Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn example() -> (Notification, SystemTime) {
        let headers = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let notification = Notification {
            headers: headers.into(),
            body: br#"{"test": 2432232314}"#.to_vec(),
        };
        (
            notification,
            UNIX_EPOCH + Duration::from_secs(1_614_265_330),
        )
    }

    #[test]
    fn the_specification_s_example_is_believed() {
        let (good, now) = example();
        assert_eq!(good.forged(SECRET, now), None);
        assert!(good.forged("whsec_AAAA", now).is_some());
        assert!(good.forged(SECRET, now + Duration::from_mins(6)).is_some());
        let mut forged = good;
        forged.body.push(b' ');
        assert!(forged.forged(SECRET, now).is_some());
    }

    #[test]
    fn what_is_sent_is_received() {
        let receiver = Receiver::listen("127.0.0.1:0");
        assert!(receiver.is_ok());
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = listener.local_addr().expect("address");
        let sender = thread::spawn(move || {
            let mut stream = TcpStream::connect(address).expect("connected");
            let request = b"POST / HTTP/1.1\r\nWebhook-Id: a\r\nContent-Length: 4\r\n\r\nbody";
            stream.write_all(request).expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("answered");
            answer
        });
        let (stream, _) = listener.accept().expect("accepted");
        let received = receive(&stream).expect("received");
        drop(stream);
        assert_eq!(
            (received.header("webhook-id"), &received.body[..]),
            ("a", &b"body"[..])
        );
        assert!(sender.join().expect("ended").starts_with("HTTP/1.1 204"));
    }
}
