//! A function's process under a Lambda Runtime API of our own, so that what is timed is the
//! function and neither a gateway nor an emulator's scheduler.
//!
//! The clock of an invocation starts when the event is handed out and stops when the whole answer
//! has arrived, as Lambda's does. Blocking sockets and a thread for each connection: in between
//! there is nothing that would take time of its own.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail, ensure};
use reelrun_tests::{processes::FunctionProcess, stack::Stack};
use serde_json::Value;

/// Longer than any invocation here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running function.
pub(crate) struct Sandbox {
    process: Child,
    started: Instant,
    events: Sender<Vec<u8>>,
    signs: Receiver<Sign>,
}

/// What the function does at its Runtime API.
enum Sign {
    /// It asked for an event: its initialisation, or its last invocation, is over.
    Asked(Instant),
    /// An event was handed out.
    Began(Instant),
    /// It answered, or said that it failed.
    Answered {
        at: Instant,
        ok: bool,
        body: Vec<u8>,
    },
}

/// One invocation.
pub(crate) struct Invocation {
    /// From the event to the answer.
    pub(crate) took: Duration,
    /// From the process' start to the answer.
    pub(crate) since_start: Duration,
    /// The answer.
    pub(crate) answer: Value,
}

/// The variables that a deployed function has, for a process of our own.
pub(crate) async fn environment(stack: &Stack, function: &str) -> Result<HashMap<String, String>> {
    let lambda = aws_sdk_lambda::Client::new(&stack.aws());
    let configuration = lambda
        .get_function_configuration()
        .function_name(function)
        .send()
        .await?;
    let mut environment = configuration
        .environment
        .and_then(|environment| environment.variables)
        .context("the deployed function has no variables")?;
    environment.insert("AWS_LAMBDA_FUNCTION_NAME".into(), function.into());
    environment.insert("AWS_LAMBDA_FUNCTION_VERSION".into(), "$LATEST".into());
    environment.insert("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".into(), "256".into());
    environment.insert("AWS_LAMBDA_LOG_FORMAT".into(), "JSON".into());
    environment.insert("AWS_EC2_METADATA_DISABLED".into(), "true".into());
    for (name, value) in stack.environment() {
        environment.insert(name.into(), value.into());
    }
    Ok(environment)
}

impl Sandbox {
    /// Starts a process. `command` has no environment but what it states, and is told where its
    /// Runtime API is.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::channel();
        let (signal, signs) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (waiting, signal) = (Arc::clone(&waiting), signal.clone());
                // A connection ends with its process.
                thread::spawn(move || drop(serve(&stream, &waiting, &signal)));
            }
        });
        command
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        let process = command
            .spawn()
            .with_context(|| format!("{} could not be started", command.get_program().display()))?;
        Ok(Self {
            process,
            started,
            events,
            signs,
        })
    }

    /// Waits until it is ready for its first event, and gives the time from its start.
    pub(crate) fn initialised(&self) -> Result<Duration> {
        match self.sign()? {
            Sign::Asked(at) => Ok(at - self.started),
            _ => bail!("the function answered what it was not asked"),
        }
    }

    /// Lets it handle one event, and waits until it asks for the next.
    pub(crate) fn invoke(&self, event: &[u8]) -> Result<Invocation> {
        self.events.send(event.to_vec())?;
        let (mut began, mut invocation) = (None, None);
        loop {
            match self.sign()? {
                Sign::Began(at) => began = Some(at),
                Sign::Answered { at, ok, body } => {
                    let body = String::from_utf8_lossy(&body);
                    ensure!(ok, "the function failed: {body}");
                    invocation = Some(Invocation {
                        took: at - began.context("an answer came before its event")?,
                        since_start: at - self.started,
                        answer: serde_json::from_str(&body).context("the answer is no JSON")?,
                    });
                }
                Sign::Asked(_) => {
                    return invocation.context("the function asked on without an answer");
                }
            }
        }
    }

    /// CPU seconds that it has used.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        FunctionProcess::of(&self.process).fine_cpu_seconds()
    }

    fn sign(&self) -> Result<Sign> {
        self.signs
            .recv_timeout(PATIENCE)
            .context("the function does not answer")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One connection of the Runtime API, until it is closed.
fn serve(
    mut stream: &TcpStream,
    events: &Mutex<Receiver<Vec<u8>>>,
    signal: &Sender<Sign>,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader)? {
        let at = Instant::now();
        if request.path.ends_with("/invocation/next") {
            signal.send(Sign::Asked(at))?;
            let event = events.lock().unwrap().recv()?;
            let message = handed_out(&event);
            signal.send(Sign::Began(Instant::now()))?;
            stream.write_all(&message)?;
        } else {
            let ok = request.path.ends_with("/response");
            let body = request.body;
            signal.send(Sign::Answered { at, ok, body })?;
            stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
        }
    }
    Ok(())
}

fn handed_out(event: &[u8]) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let deadline = now.unwrap_or_default() + PATIENCE;
    let head = format!(
        "HTTP/1.1 200 OK\r\n\
         content-type: application/json\r\n\
         content-length: {}\r\n\
         lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         lambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n\
         lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\r\n",
        event.len(),
        deadline.as_millis(),
    );
    [head.as_bytes(), event].concat()
}

/// A request, as far as the Runtime API needs to know it.
struct Request {
    path: String,
    body: Vec<u8>,
}

impl Request {
    /// Reads one; none when the connection is closed instead.
    fn read(reader: &mut impl BufRead) -> Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let path = line.split(' ').nth(1).context("no request")?.to_owned();
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "transfer-encoding" => chunked = true,
                _ => {}
            }
        }
        let body = if chunked {
            read_chunks(reader)?
        } else {
            read_exactly(reader, length)?
        };
        Ok(Some(Self { path, body }))
    }
}

fn read_chunks(reader: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16)?;
        let chunk = read_exactly(reader, length + 2)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

fn read_exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_in_one_piece_or_in_chunks() {
        let requests = "POST /a/response HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}\
             POST /b/response HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n\
             GET /next HTTP/1.1\r\nhost: x\r\n\r\n";
        let mut reader = requests.as_bytes();
        let mut next = || Request::read(&mut reader).unwrap();
        let mut seen = Vec::new();
        while let Some(request) = next() {
            seen.push((request.path, String::from_utf8(request.body).unwrap()));
        }
        let expected = [("/a/response", "{}"), ("/b/response", "[1]"), ("/next", "")];
        assert_eq!(
            seen,
            expected.map(|(path, body)| (path.into(), body.into()))
        );
    }
}
