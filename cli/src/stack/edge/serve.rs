//! Carries out what the edge has decided: calls a function, or reads from storage.

use std::io::{self, Read as _, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::Wanted;
use super::api::Call;
use super::cdn::{Delivered, Read};
use crate::http;
use crate::release::LIVE;
use crate::stack::wire::{ABSENT, read_head, refuse, reply};

/// API Gateway waits no longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// API Gateway's own words, which are no problem of the API's.
const UNAVAILABLE: (&str, &str) = (
    "503 Service Unavailable",
    r#"{"message":"Service Unavailable"}"#,
);
const FAILED: (&str, &str) = (
    "500 Internal Server Error",
    r#"{"message":"Internal Server Error"}"#,
);

const PREFLIGHT: &[u8] = b"HTTP/1.1 204 No Content\r\n\
      Access-Control-Allow-Origin: *\r\n\
      Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n\
      Access-Control-Allow-Headers: *\r\n\
      Access-Control-Max-Age: 86400\r\n\
      Connection: close\r\n\r\n";

/// Answers a request; `begun` is what came of its body together with the head.
pub(in crate::stack) fn carry_out(
    mut client: &TcpStream,
    authority: &str,
    wanted: &Wanted,
    begun: &[u8],
) -> io::Result<()> {
    match wanted {
        Wanted::Call(call) => invoke(client, authority, call, begun),
        Wanted::Object(object) => match TcpStream::connect(authority) {
            Ok(server) => read(client, &server, object),
            Err(_) => refuse(client, "502 Bad Gateway", ABSENT),
        },
        Wanted::Preflight => client.write_all(PREFLIGHT),
        Wanted::Nothing(status, why) => refuse(client, status, why),
    }
}

fn invoke(mut client: &TcpStream, authority: &str, call: &Call, begun: &[u8]) -> io::Result<()> {
    if call.expects_continue {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = begun.to_vec();
    body.truncate(call.body_length);
    let missing = call.body_length - body.len();
    let limit = u64::try_from(missing).unwrap_or(u64::MAX);
    if client.take(limit).read_to_end(&mut body)? < missing {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let url = format!(
        "http://{authority}/2015-03-31/functions/{}/invocations?Qualifier={LIVE}",
        call.function
    );
    let answered = http::agent(PATIENCE, true)
        .post(url)
        .header("Authorization", &call.authorization)
        .header("Content-Type", "application/json")
        .header("X-Amz-Invocation-Type", "RequestResponse")
        .send(call.event(&body).to_string());
    let Ok(mut answered) = answered else {
        return say(client, UNAVAILABLE);
    };
    let has_failed = answered.headers().contains_key("x-amz-function-error");
    let is_throttled = answered.status() == 429;
    let returned = answered.body_mut().read_to_vec().unwrap_or_default();
    match call.answer(&returned).filter(|_| !has_failed) {
        Some(answer) => client.write_all(&answer),
        None if is_throttled => say(client, UNAVAILABLE),
        None => say(client, FAILED),
    }
}

fn read(mut client: &TcpStream, mut server: &TcpStream, object: &Read) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    server.write_all(&object.head)?;
    let (head, rest) = read_head(server, Vec::new())?;
    match object.delivered(&head) {
        Delivered::Forbidden(answer) => client.write_all(&answer)?,
        Delivered::Object(head) => {
            client.write_all(&head)?;
            client.write_all(&rest)?;
            io::copy(&mut server, &mut client)?;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    Ok(())
}

fn say(client: &TcpStream, (status, body): (&str, &str)) -> io::Result<()> {
    reply(client, status, "application/json", body)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread::{self, JoinHandle};

    use super::*;
    use crate::sam::Credentials;
    use crate::stack::edge::{Edge, Origins};
    use crate::stack::http_head::{self, Upstream};
    use crate::stack::proxy::Proxy;

    /// An emulator that answers its one request with `answer`, and returns what it was asked.
    fn emulator(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let authority = listener.local_addr().expect("address").to_string();
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accepted");
            let (mut asked, mut body) = read_head(&stream, Vec::new()).expect("a head");
            let head = String::from_utf8_lossy(&asked).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().expect("a length"));
            let begun = body.len();
            body.resize(length, 0);
            stream.read_exact(&mut body[begun..]).expect("a body");
            stream.write_all(answer.as_bytes()).expect("answered");
            asked.extend(body);
            String::from_utf8(asked).expect("text")
        });
        (authority, asked)
    }

    fn ask(authority: String, request: &[u8]) -> String {
        let proxy = Proxy::bind(0).expect("bound");
        let address = proxy.url.trim_start_matches("http://").to_owned();
        proxy.serve(Upstream {
            authority,
            edge: Edge::Ours(Origins {
                presign_function: "films-presign".into(),
                lookup_function: "films-lookup".into(),
                media_bucket: "media".into(),
                uploads_bucket: "uploads".into(),
                credentials: Credentials {
                    access_key: "KEY".into(),
                    secret_key: "S".into(),
                },
            }),
            instance: "this one".into(),
            secret: "secret".into(),
        });
        let mut client = TcpStream::connect(address).expect("connected");
        client.write_all(request).expect("asked");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("text");
        assert!(answer.len() < http_head::LONGEST);
        answer
    }

    #[test]
    fn a_call_of_the_api_is_an_invocation() {
        let (authority, asked) = emulator(
            "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n\
             {\"statusCode\":201,\"headers\":{\"x-a\":\"b\"},\"body\":\"{\\\"made\\\":true}\"}",
        );
        let answer = ask(
            authority,
            b"POST /api/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{\"a\": \"b\"}",
        );
        assert_eq!(
            answer,
            "HTTP/1.1 201 \r\nx-a: b\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{\"made\":true}"
        );
        let asked = asked.join().expect("asked");
        let first =
            "POST /2015-03-31/functions/films-presign/invocations?Qualifier=live HTTP/1.1\r\n";
        assert!(asked.starts_with(first), "{asked}");
        assert!(asked.contains("Credential=KEY/"), "{asked}");
        // Of the body, what was promised.
        assert!(asked.contains(r#""body":"{\"a\": \"b\"""#), "{asked}");
        assert!(asked.contains(r#""rawPath":"/uploads""#), "{asked}");
    }

    #[test]
    fn what_fails_is_said_as_api_gateway_says_it() {
        let failed =
            "HTTP/1.1 200 OK\r\nX-Amz-Function-Error: Unhandled\r\nContent-Length: 2\r\n\r\n{}";
        let busy = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}";
        for (answer, status) in [(failed, "500 "), (busy, "503 ")] {
            let (authority, _asked) = emulator(answer);
            let answer = ask(authority, b"GET /api/videos HTTP/1.1\r\n\r\n");
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
        }
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let authority = gone.local_addr().expect("address").to_string();
        drop(gone);
        let answer = ask(authority, b"GET /api/videos HTTP/1.1\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }

    #[test]
    fn a_viewer_gets_what_storage_has() {
        let (authority, asked) =
            emulator("HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\nETag: \"e\"\r\n\r\nabc");
        let answer = ask(
            authority,
            b"GET /videos/1/a.m4s HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-2\r\n\r\n",
        );
        assert!(
            answer.starts_with("HTTP/1.1 206 Partial Content\r\n"),
            "{answer}"
        );
        assert!(
            answer.ends_with("\r\n\r\nabc") && answer.contains("etag: \"e\""),
            "{answer}"
        );
        let asked = asked.join().expect("asked");
        assert!(
            asked.starts_with("GET /media/videos/1/a.m4s HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(asked.contains("range: bytes=0-2"), "{asked}");
    }

    #[test]
    fn a_preflight_is_answered_at_once() {
        let answer = ask(
            "127.0.0.1:1".into(),
            b"OPTIONS /videos/1/a.m4s HTTP/1.1\r\nHost: localhost\r\n\r\n",
        );
        assert!(answer.starts_with("HTTP/1.1 204 ") && answer.contains("Allow-Origin: *"));
    }
}
