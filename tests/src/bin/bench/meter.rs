//! A TCP proxy before the emulator that adds up how long the emulator took, so that a function's
//! own time can be told from that of what it waits for.
//!
//! A wait begins when the last byte of a request has been read here and ends when the last byte of
//! its answer is about to be passed on. The proxy's own work falls into the wait, so that it is not
//! held against the function.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

/// A proxy that measures.
pub(crate) struct Meter {
    address: SocketAddr,
    waits: Arc<Mutex<Waits>>,
}

#[derive(Default)]
struct Waits {
    /// When the request at work was sent, and the latest piece of its answer came.
    current: Option<(Instant, Option<Instant>)>,
    total: Duration,
    requests: u32,
}

impl Waits {
    fn sent(&mut self, at: Instant) {
        // The pieces of one request follow each other; after an answer a new one begins.
        self.settle();
        self.current = Some((at, None));
    }

    fn answered(&mut self, at: Instant) {
        if let Some((_, answered)) = &mut self.current {
            *answered = Some(at);
        }
    }

    fn settle(&mut self) {
        if let Some((sent, Some(answered))) = self.current.take() {
            self.total += answered - sent;
            self.requests += 1;
        }
    }
}

impl Meter {
    /// A proxy of this address, `host:port`.
    pub(crate) fn start(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let meter = Self {
            address: listener.local_addr()?,
            waits: Arc::default(),
        };
        let (waits, upstream) = (Arc::clone(&meter.waits), upstream.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection that can't be made is the client's to report.
                let _ = pass_on(stream, &upstream, &waits);
            }
        });
        Ok(meter)
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was waited since the last call, and for how many requests. Nobody may be waiting.
    pub(crate) fn take(&self) -> (Duration, u32) {
        let mut waits = self.waits.lock().unwrap();
        waits.settle();
        (
            std::mem::take(&mut waits.total),
            std::mem::take(&mut waits.requests),
        )
    }
}

fn pass_on(client: TcpStream, upstream: &str, waits: &Arc<Mutex<Waits>>) -> io::Result<()> {
    let server = TcpStream::connect(upstream)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let asking = Arc::clone(waits);
    thread::spawn(move || {
        copy(from_client, to_server, |at| {
            asking.lock().unwrap().sent(at);
        })
    });
    let answering = Arc::clone(waits);
    thread::spawn(move || {
        copy(server, client, |at| {
            answering.lock().unwrap().answered(at);
        })
    });
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, note: impl Fn(Instant)) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return to.shutdown(Shutdown::Write);
        }
        note(Instant::now());
        to.write_all(&buffer[..length])?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_from_the_last_piece_sent_to_the_last_received() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut waits = Waits::default();
        waits.sent(at(0));
        waits.sent(at(1)); // the request's second piece
        waits.answered(at(5));
        waits.answered(at(6));
        waits.sent(at(10));
        waits.answered(at(13));
        waits.settle();
        assert_eq!((waits.total, waits.requests), (Duration::from_millis(8), 2));
    }
}
