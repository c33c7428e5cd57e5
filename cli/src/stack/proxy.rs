//! The local stack's proxy: one address for the API (`/api`) and the CDN (everything else).
//!
//! On AWS that is the work of DNS and the edge. The emulator tells its APIs and distributions apart
//! by host names under `localhost`, which do not resolve everywhere, so the proxy names them for it.
//! It is a reverse proxy over plain threads, one connection a request, bodies streamed both ways.

use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::edge::serve;
use super::http_head::{self, Upstream, Verdict};
use super::wire::{ABSENT, read_head, refuse, reply};

/// A client that has not sent its head by then is let go.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// A bound but not yet serving proxy; its address is known before the stack exists.
pub(crate) struct Proxy {
    listener: TcpListener,
    pub(crate) url: String,
}

impl Proxy {
    /// Binds the port asked for, or any free one if it is taken.
    pub(crate) fn bind(wanted: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
            .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .context("no free port on 127.0.0.1")?;
        let port = listener
            .local_addr()
            .context("a bound port has a number")?
            .port();
        Ok(Self {
            listener,
            url: format!("http://127.0.0.1:{port}"),
        })
    }

    /// Serves from threads of its own for as long as the process lives.
    pub(crate) fn serve(self, upstream: Upstream) {
        let upstream = Arc::new(upstream);
        thread::spawn(move || {
            for client in self.listener.incoming() {
                let Ok(client) = client else {
                    // Out of file descriptors: let others finish first.
                    thread::sleep(Duration::from_millis(50));
                    continue;
                };
                let upstream = Arc::clone(&upstream);
                thread::spawn(move || {
                    // A connection that breaks concerns nobody but its client.
                    let _ = converse(&client, &upstream);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
    }
}

fn converse(mut client: &TcpStream, upstream: &Upstream) -> io::Result<()> {
    client.set_read_timeout(Some(HEAD_PATIENCE))?;
    let (request, body) = match read_head(client, Vec::new()) {
        Ok(read) => read,
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return refuse(
                client,
                "431 Request Header Fields Too Large",
                "the request's head is too long",
            );
        }
        Err(error) => return Err(error),
    };
    client.set_read_timeout(None)?;
    match http_head::judge(&request, upstream) {
        Verdict::Instance => reply(client, "200 OK", "text/plain", &upstream.instance),
        Verdict::Preflight => client.write_all(
            b"HTTP/1.1 204 No Content\r\n\
              Access-Control-Allow-Origin: *\r\n\
              Access-Control-Allow-Methods: GET, POST, PATCH, DELETE\r\n\
              Access-Control-Allow-Headers: authorization, content-type, idempotency-key\r\n\
              Access-Control-Max-Age: 3600\r\n\
              Connection: close\r\n\r\n",
        ),
        Verdict::Refuse(why) => refuse(client, "400 Bad Request", why),
        Verdict::Forbid(why) => refuse(client, "403 Forbidden", why),
        Verdict::Serve(wanted) => serve::carry_out(client, &upstream.authority, &wanted, &body),
        Verdict::Forward {
            head,
            expects_continue,
        } => {
            let Ok(server) = TcpStream::connect(&upstream.authority) else {
                return refuse(client, "502 Bad Gateway", ABSENT);
            };
            if expects_continue {
                client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            forward(client, &server, &head, &body)
        }
    }
}

fn forward(
    mut client: &TcpStream,
    mut server: &TcpStream,
    head: &[u8],
    body: &[u8],
) -> io::Result<()> {
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    server.write_all(head)?;
    server.write_all(body)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    // Ends when the answer is complete and both connections are shut down.
    let sending = thread::spawn(move || io::copy(&mut from_client, &mut to_server));
    let received = receive(&mut client, server);
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
    let _ = sending.join();
    received
}

fn receive(client: &mut &TcpStream, mut server: &TcpStream) -> io::Result<()> {
    let mut pending = Vec::new();
    loop {
        let Ok((head, rest)) = read_head(server, pending) else {
            return refuse(
                client,
                "502 Bad Gateway",
                "the emulator ended the connection without an answer",
            );
        };
        let (head, more) = http_head::answer(&head);
        client.write_all(&head)?;
        pending = rest;
        if !more {
            break;
        }
    }
    client.write_all(&pending)?;
    io::copy(&mut server, client).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::stack::edge::Edge;

    /// A server that answers its one request with `answer` and returns what it was sent.
    fn server(answer: &'static [u8]) -> (String, thread::JoinHandle<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let authority = listener.local_addr().expect("address").to_string();
        let seen = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accepted");
            let mut seen = Vec::new();
            let mut buffer = [0; 1024];
            while !seen.ends_with(b"END") {
                let length = stream.read(&mut buffer).expect("read");
                seen.extend_from_slice(&buffer[..length]);
            }
            stream.write_all(answer).expect("written");
            String::from_utf8(seen).expect("text")
        });
        (authority, seen)
    }

    fn ask(authority: String, request: &[u8]) -> String {
        let proxy = Proxy::bind(0).expect("bound");
        let address = proxy.url.trim_start_matches("http://").to_owned();
        proxy.serve(Upstream {
            authority,
            edge: Edge::Emulators {
                api_id: "ab12".into(),
                cdn_host: "d1.cloudproxy.net".into(),
            },
            instance: "this one".into(),
            secret: "secret".into(),
        });
        let mut client = TcpStream::connect(address).expect("connected");
        // A proxy that refuses may close before all is sent or read; what arrived is what counts.
        let _ = client.write_all(request);
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        String::from_utf8(answer).expect("text")
    }

    #[test]
    fn bodies_pass_both_ways() {
        let (authority, seen) = server(b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nmade");
        let answer = ask(
            authority,
            b"POST /api/uploads HTTP/1.1\r\nContent-Length: 5\r\n\r\n{}END",
        );
        assert_eq!(
            answer,
            "HTTP/1.1 201 Created\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmade"
        );
        assert!(seen.join().expect("served").ends_with("\r\n\r\n{}END"));
    }

    #[test]
    fn an_absent_emulator_is_said_in_words() {
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let authority = gone.local_addr().expect("address").to_string();
        drop(gone);
        let answer = ask(authority, b"GET /api/videos HTTP/1.1\r\n\r\n");
        assert!(
            answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"),
            "{answer}"
        );
        assert!(answer.contains("cargo reelrun up"), "{answer}");
    }

    #[test]
    fn a_head_without_end_is_refused() {
        let mut request = b"GET / HTTP/1.1\r\nX: ".to_vec();
        request.resize(http_head::LONGEST + 1024, b'x');
        let answer = ask("127.0.0.1:1".into(), &request);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
            "{answer}"
        );
    }

    #[test]
    fn it_says_which_stack_it_is() {
        let answer = ask(
            "127.0.0.1:1".into(),
            b"GET /.reelrun-instance HTTP/1.1\r\n\r\n",
        );
        assert!(answer.ends_with("\r\n\r\nthis one"), "{answer}");
    }
}
