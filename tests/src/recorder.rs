//! A proxy that writes down what a player asks the CDN for, and how it was answered.

use std::{
    fmt::Write as _,
    io::{self, BufRead as _, BufReader, Read, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A request, answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The path, as it was sent.
    pub path: String,
    /// The status code of the answer.
    pub status: u16,
}

/// The proxy, which serves until the test's process ends.
#[derive(Debug)]
pub struct Recorder {
    /// Where it listens.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Recorder {
    /// Starts a proxy to a server of this URL.
    pub fn start(upstream: &str) -> Self {
        Self::serving(upstream, None)
    }

    /// The same, that has nothing at paths with this end.
    pub fn without(upstream: &str, end: &'static str) -> Self {
        Self::serving(upstream, Some(end))
    }

    fn serving(upstream: &str, refused: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let authority = upstream.trim_start_matches("http://").to_owned();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let record = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (record, authority) = (Arc::clone(&record), authority.clone());
                // Players hang up in the middle of an answer, when they seek for instance.
                thread::spawn(move || drop(relay(&client, &authority, refused, &record)));
            }
        });
        Self { url, asked }
    }

    /// What was asked for so far, in the order of the answers.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Passes on one request and its answer. Neither side keeps the connection.
fn relay(
    client: &TcpStream,
    authority: &str,
    refused: Option<&str>,
    record: &Mutex<Vec<Asked>>,
) -> io::Result<()> {
    let (first, headers) = read_head(&mut BufReader::new(client))?;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    if refused.is_some_and(|end| path.ends_with(end)) {
        let status = 403;
        record.lock().unwrap().push(Asked { path, status });
        let nothing = [("content-length".to_owned(), "0".to_owned())];
        return write_head(client, "HTTP/1.1 403 Forbidden", &nothing);
    }
    let server = TcpStream::connect(authority)?;
    let host = [("host".to_owned(), authority.to_owned())];
    write_head(&server, &first, host.iter().chain(&headers))?;
    let mut answer = BufReader::new(server.try_clone()?);
    let (status, headers) = read_head(&mut answer)?;
    let code = status.split(' ').nth(1).and_then(|code| code.parse().ok());
    record.lock().unwrap().push(Asked {
        path,
        status: code.unwrap_or_default(),
    });
    write_head(client, &status, &headers)?;
    let sent = io::copy(&mut answer, &mut &*client);
    let _ = server.shutdown(Shutdown::Both);
    sent.map(drop)
}

type Headers = Vec<(String, String)>;

/// The first line, and the headers but for those of the connection itself.
fn read_head(stream: &mut BufReader<impl Read>) -> io::Result<(String, Headers)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let first = line.trim_end().to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Ok((first, headers));
        };
        let name = name.to_ascii_lowercase();
        if !["host", "connection", "keep-alive"].contains(&&*name) {
            headers.push((name, value.trim().to_owned()));
        }
    }
}

fn write_head<'a>(
    mut to: &TcpStream,
    first: &str,
    headers: impl IntoIterator<Item = &'a (String, String)>,
) -> io::Result<()> {
    let mut head = format!("{first}\r\nconnection: close\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head += "\r\n";
    to.write_all(head.as_bytes())
}
