//! HTTP/1 as it is read from a connection and written to one; a connection carries one request.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use super::http_head;

/// What is said when nobody listens where the emulator was.
pub(super) const ABSENT: &str =
    "the emulator behind this address does not answer; `cargo reelrun up` starts the local stack";

/// Reads up to the end of a head; returns it and what came after it. `bytes` is what came of it already.
pub(super) fn read_head(
    mut stream: &TcpStream,
    mut bytes: Vec<u8>,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(end) = http_head::end(&bytes) {
            let rest = bytes.split_off(end);
            return Ok((bytes, rest));
        }
        if bytes.len() > http_head::LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        match stream.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            length => bytes.extend_from_slice(&buffer[..length]),
        }
    }
}

/// Refuses a request, as a problem.
pub(super) fn refuse(client: &TcpStream, status: &str, detail: &str) -> io::Result<()> {
    let (code, title) = status.split_once(' ').unwrap_or((status, ""));
    let problem = format!(
        r#"{{"type":"about:blank","title":"{title}","status":{code},"detail":"{detail}"}}"#
    );
    reply(client, status, "application/problem+json", &problem)
}

/// Answers a request.
pub(super) fn reply(
    mut client: &TcpStream,
    status: &str,
    kind: &str,
    body: &str,
) -> io::Result<()> {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    );
    client.write_all(answer.as_bytes())
}
