//! A proxy between the functions and AWS that breaks the calls it is told to.
//!
//! It stands where a network stands: nothing in the functions knows of it, and what it lets through
//! reaches the real services. Rules hold for the calls of one video, so many are tried at once.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use serde_json::Value;
use tokio::net::TcpListener;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The first call is answered with an error of the service.
    ErrorOnce,
    /// Every call is, for as long as the rule holds.
    ErrorForEver,
    /// The first call is not answered.
    TimeOut,
    /// The first call is done, and its answer lost.
    AnswerLost,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ErrorOnce,
        Self::ErrorForEver,
        Self::TimeOut,
        Self::AnswerLost,
    ];
}

/// One kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Of S3, or of CloudFront.
    Object {
        /// The method.
        method: &'static str,
        /// What is in the object's key, or in the query.
        key: &'static str,
    },
    /// Of DynamoDB or Step Functions.
    Operation {
        /// Its name.
        name: &'static str,
        /// Attributes that its expressions name, whatever they say about them...
        names: &'static [&'static str],
        /// ...and some that they do not.
        but_not: &'static [&'static str],
    },
}

impl Call {
    /// A call of S3 or CloudFront.
    pub const fn object(method: &'static str, key: &'static str) -> Self {
        Self::Object { method, key }
    }

    /// A call that changes a record.
    pub const fn change(names: &'static [&'static str], but_not: &'static [&'static str]) -> Self {
        Self::Operation {
            name: "UpdateItem",
            names,
            but_not,
        }
    }

    /// Any other.
    pub const fn operation(name: &'static str) -> Self {
        Self::Operation {
            name,
            names: &[],
            but_not: &[],
        }
    }
}

/// A rule that holds until it is dropped.
#[derive(Debug)]
pub struct Rule {
    entry: Arc<Entry>,
    rules: Rules,
}

#[derive(Debug)]
struct Entry {
    call: Call,
    /// What names the video in its calls.
    video: String,
    mode: Mode,
    hits: AtomicU32,
}

type Rules = Arc<Mutex<Vec<Arc<Entry>>>>;

/// The running proxy.
#[derive(Debug, Clone)]
pub struct FaultProxy {
    address: SocketAddr,
    rules: Rules,
    chaos: Arc<Mutex<Chaos>>,
}

/// Breaks calls at random.
#[derive(Debug, Default)]
struct Chaos {
    /// One call in so many; none where it is 0.
    one_in: u32,
    random: fastrand::Rng,
    /// What was in the calls that were broken.
    met: Vec<String>,
}

impl Chaos {
    fn strikes(&mut self, call: impl FnOnce() -> String) -> Option<Mode> {
        const MODES: [Mode; 3] = [Mode::ErrorOnce, Mode::TimeOut, Mode::AnswerLost];
        if self.one_in == 0 || self.random.u32(..self.one_in) > 0 {
            return None;
        }
        self.met.push(call());
        Some(MODES[self.random.usize(..MODES.len())])
    }
}

impl FaultProxy {
    /// Starts a proxy to this endpoint; it ends with the runtime.
    pub async fn start(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let rules = Rules::default();
        let upstream = endpoint.trim_start_matches("http://").to_owned();
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let chaos: Arc<Mutex<Chaos>> = Arc::default();
        let context = Arc::new((rules.clone(), upstream, client, Arc::clone(&chaos)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let context = Arc::clone(&context);
                let service = service_fn(move |request| {
                    let context = Arc::clone(&context);
                    async move {
                        let (rules, upstream, client, chaos) = &*context;
                        pass(rules, chaos, upstream, client, request).await
                    }
                });
                tokio::spawn(
                    http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self {
            address,
            rules,
            chaos,
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks one call in so many, whatever it is, from now on; none where this is 0.
    pub fn chaos(&self, one_in: u32, seed: u64) {
        let mut chaos = self.chaos.lock().unwrap();
        chaos.one_in = one_in;
        chaos.random = fastrand::Rng::with_seed(seed);
    }

    /// What was in each call that was broken at random: its path, and the beginning of its body.
    pub fn met(&self) -> Vec<String> {
        self.chaos.lock().unwrap().met.clone()
    }

    /// Breaks the calls of one kind that have this in them, a video's id or file name.
    pub fn breaks(&self, call: Call, video: &str, mode: Mode) -> Rule {
        let entry = Arc::new(Entry {
            call,
            video: video.into(),
            mode,
            hits: AtomicU32::new(0),
        });
        self.rules.lock().unwrap().push(Arc::clone(&entry));
        Rule {
            entry,
            rules: Arc::clone(&self.rules),
        }
    }
}

impl Rule {
    /// How many calls it met.
    pub fn hits(&self) -> u32 {
        self.entry.hits.load(Ordering::Relaxed)
    }
}

impl Drop for Rule {
    fn drop(&mut self) {
        let mut rules = self.rules.lock().unwrap();
        rules.retain(|entry| !Arc::ptr_eq(entry, &self.entry));
    }
}

impl Entry {
    fn matches(&self, request: &Request<Full<Bytes>>, body: &[u8]) -> bool {
        let target = request.headers().get("x-amz-target");
        let operation = target
            .and_then(|target| target.to_str().ok())
            .and_then(|target| target.split('.').next_back());
        match (self.call, operation) {
            (Call::Object { method, key }, None) => {
                let path = request.uri().path_and_query();
                let path = path.map_or("/", |path| path.as_str());
                request.method() == method && path.contains(key) && path.contains(&self.video)
            }
            (
                Call::Operation {
                    name,
                    names,
                    but_not,
                },
                Some(operation),
            ) if name == operation => {
                let Ok(asked) = serde_json::from_slice(body) else {
                    return false;
                };
                let named = |name: &&str| is_named(&asked, name);
                names.iter().all(named)
                    && !but_not.iter().any(named)
                    && is_about(&asked, &self.video)
            }
            _ => false,
        }
    }
}

/// Whether the expressions of a request to DynamoDB refer to an attribute.
fn is_named(asked: &Value, attribute: &str) -> bool {
    let names = asked["ExpressionAttributeNames"].as_object();
    names.is_some_and(|names| names.values().any(|name| name == attribute))
}

/// Whether any text in a request has this in it: in a key, an item, or an execution's name.
fn is_about(asked: &Value, video: &str) -> bool {
    match asked {
        Value::String(text) => text.contains(video),
        Value::Array(all) => all.iter().any(|one| is_about(one, video)),
        Value::Object(all) => all.values().any(|one| is_about(one, video)),
        _ => false,
    }
}

/// An error here closes the connection without an answer.
async fn pass(
    rules: &Rules,
    chaos: &Mutex<Chaos>,
    upstream: &str,
    client: &Client<HttpConnector, Full<Bytes>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("http://{upstream}{path}").parse().unwrap();
    let request = Request::from_parts(parts, Full::new(body.clone()));
    let rule = {
        let rules = rules.lock().unwrap();
        rules
            .iter()
            .find(|rule| rule.matches(&request, &body))
            .cloned()
    };
    let hit = rule.map(|rule| (rule.mode, rule.hits.fetch_add(1, Ordering::Relaxed)));
    let hit = hit.or_else(|| {
        let call = || {
            let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
            format!("{} {text}", request.uri())
        };
        let mode = chaos.lock().unwrap().strikes(call)?;
        Some((mode, 0))
    });
    match hit {
        Some((Mode::ErrorOnce, 0) | (Mode::ErrorForEver, _)) => return Ok(broken(&request)),
        Some((Mode::TimeOut, 0)) => {
            tokio::time::sleep(Duration::from_mins(5)).await;
            return Err(io::Error::other("never answered"));
        }
        _ => {}
    }
    let answer = client.request(request).await.map_err(io::Error::other)?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if let Some((Mode::AnswerLost, 0)) = hit {
        return Err(io::Error::other("lost"));
    }
    let mut answer = Response::from_parts(parts, Full::new(body));
    // It goes on in one piece.
    answer.headers_mut().remove(header::TRANSFER_ENCODING);
    Ok(answer)
}

/// What the service says when it can't.
fn broken(request: &Request<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (content_type, body) = if request.headers().contains_key("x-amz-target") {
        (
            "application/x-amz-json-1.0",
            r#"{"__type":"InternalServerError"}"#,
        )
    } else {
        (
            "application/xml",
            "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
        )
    };
    Response::builder()
        .status(503)
        .header(header::CONTENT_TYPE, content_type)
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meets(call: Call, video: &str, operation: &str, body: &Value) -> bool {
        let entry = Entry {
            call,
            video: video.into(),
            mode: Mode::ErrorOnce,
            hits: AtomicU32::new(0),
        };
        let request = Request::post("http://127.0.0.1/")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(Full::default())
            .unwrap();
        entry.matches(&request, body.to_string().as_bytes())
    }

    #[test]
    fn an_operation_is_known_by_the_attributes_it_names() {
        const PART: Call = Call::Operation {
            name: "UpdateItem",
            names: &["parts_done"],
            but_not: &["lease_until"],
        };
        let with = |names: Value| {
            json!({
                "Key": {"id": {"S": "video-7"}},
                "UpdateExpression": "whatever it says: lease_until",
                "ExpressionAttributeNames": names,
            })
        };
        let part = with(json!({"#a": "parts_done", "#b": "lease_owner"}));
        assert!(meets(PART, "video-7", "UpdateItem", &part));
        assert!(!meets(PART, "video-8", "UpdateItem", &part));
        assert!(!meets(PART, "video-7", "PutItem", &part));
        let lease = with(json!({"#a": "parts_done", "#b": "lease_until"}));
        assert!(!meets(PART, "video-7", "UpdateItem", &lease));
        assert!(!meets(PART, "video-7", "UpdateItem", &with(Value::Null)));
        let of_an_object = Call::Object {
            method: "POST",
            key: "",
        };
        assert!(!meets(of_an_object, "", "UpdateItem", &part));
    }

    #[test]
    fn what_it_is_about_is_found_at_any_depth() {
        let asked =
            json!({"TransactItems": [{"Put": {"Item": {"filename": {"S": "a-first.mp4"}}}}]});
        assert!(is_about(&asked, "first.mp4") && !is_about(&asked, "second.mp4"));
        // Not the words of the request itself.
        assert!(!is_about(&asked, "filename"));
    }
}
