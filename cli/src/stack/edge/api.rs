//! An HTTP API of API Gateway: requests become events of format 2.0, and what functions return, answers.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Head, Origins};
use crate::stack::localstack::authorization;

/// API Gateway takes no more.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// A function to call, and the event without its body.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::stack) struct Call {
    pub(super) function: String,
    /// As which it is called.
    pub(super) authorization: String,
    event: Map<String, Value>,
    /// Whether the answer's body is left out.
    is_head: bool,
    pub(super) body_length: usize,
    pub(super) expects_continue: bool,
}

/// Why a request is no call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoCall {
    /// Its body is sent in chunks.
    LengthRequired,
    TooLarge,
}

/// A route of the template's: its key, and what the path has in its place of `{id}`.
struct Route<'a> {
    key: &'static str,
    id: Option<&'a str>,
    is_presigns: bool,
}

/// As the template has them.
fn route<'a>(method: &str, path: &'a str) -> Route<'a> {
    let words: Vec<_> = path.split('/').skip(1).collect();
    let (key, id) = match (method, &words[..]) {
        ("POST", ["uploads"]) => ("POST /uploads", None),
        ("OPTIONS", ["uploads"]) => ("OPTIONS /uploads", None),
        ("POST", ["uploads", id, "sign"]) => ("POST /uploads/{id}/sign", Some(*id)),
        ("OPTIONS", ["uploads", id, "sign"]) => ("OPTIONS /uploads/{id}/sign", Some(*id)),
        ("POST", ["uploads", id, "complete"]) => ("POST /uploads/{id}/complete", Some(*id)),
        ("OPTIONS", ["uploads", id, "complete"]) => ("OPTIONS /uploads/{id}/complete", Some(*id)),
        ("POST", ["videos", id, "tracks"]) => ("POST /videos/{id}/tracks", Some(*id)),
        ("GET", ["limits"]) => ("GET /limits", None),
        ("POST", ["videos", id, "tokens"]) => ("POST /videos/{id}/tokens", Some(*id)),
        ("PATCH", ["videos", id]) => ("PATCH /videos/{id}", Some(*id)),
        ("DELETE", ["videos", id]) => ("DELETE /videos/{id}", Some(*id)),
        _ => ("$default", None),
    };
    let lookups = [
        "POST /videos/{id}/tokens",
        "PATCH /videos/{id}",
        "DELETE /videos/{id}",
        "$default",
    ];
    Route {
        key,
        id,
        is_presigns: !lookups.contains(&key),
    }
}

impl Call {
    /// What a request asks for. `request_id` is under which the functions' logs tell of it.
    pub(super) fn of(
        head: Head<'_>,
        origins: &Origins,
        request_id: String,
        now_ms: u128,
    ) -> Result<Self, NoCall> {
        let (path, query) = head.parts();
        let route = route(head.method, path);
        let body_length = match (head.get("transfer-encoding"), head.get("content-length")) {
            (Some(_), _) => return Err(NoCall::LengthRequired),
            (None, Some(length)) => length.parse().unwrap_or(usize::MAX),
            (None, None) => 0,
        };
        if body_length > LARGEST_BODY {
            return Err(NoCall::TooLarge);
        }
        let mut headers: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in head.fields {
            headers
                .entry(name)
                .and_modify(|known| {
                    let _ = write!(known, ",{value}");
                })
                .or_insert_with(|| (*value).to_owned());
        }
        for (name, value) in [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "https"),
        ] {
            headers.insert(name, value.to_owned());
        }
        headers.remove("x-reelrun-secret");
        let host = head.get("host").unwrap_or_default();
        let event = json!({
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "pathParameters": route.id.map(|id| json!({"id": id})),
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "domainName": host,
                "domainPrefix": "local",
                "http": {
                    "method": head.method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": head.get("user-agent").unwrap_or_default(),
                },
                "requestId": request_id,
                "routeKey": route.key,
                "stage": "$default",
                "timeEpoch": u64::try_from(now_ms).unwrap_or(u64::MAX),
            },
        });
        let function = if route.is_presigns {
            &origins.presign_function
        } else {
            &origins.lookup_function
        };
        Ok(Self {
            function: function.clone(),
            authorization: authorization(&origins.credentials, "lambda"),
            event: event.as_object().cloned().unwrap_or_default(),
            is_head: head.method == "HEAD",
            body_length,
            expects_continue: head.get("expect").is_some(),
        })
    }

    /// The event.
    pub(super) fn event(&self, body: &[u8]) -> Value {
        let mut event = self.event.clone();
        let text = std::str::from_utf8(body);
        event.insert("isBase64Encoded".into(), text.is_err().into());
        if !body.is_empty() {
            let body = text.map_or_else(|_| STANDARD.encode(body), ToOwned::to_owned);
            event.insert("body".into(), body.into());
        }
        Value::Object(event)
    }

    /// The answer, if the function returned one.
    pub(super) fn answer(&self, returned: &[u8]) -> Option<Vec<u8>> {
        let returned: Value = serde_json::from_slice(returned).ok()?;
        let status = returned["statusCode"].as_u64()?;
        let mut head = format!("HTTP/1.1 {status} \r\n");
        let mut field = |name: &str, value: &str| {
            let is_ours = ["content-length", "connection", "transfer-encoding"]
                .iter()
                .any(|ours| name.eq_ignore_ascii_case(ours));
            if !is_ours && !format!("{name}{value}").contains(char::is_control) {
                let _ = write!(head, "{name}: {value}\r\n");
            }
        };
        for (name, value) in returned["headers"].as_object().into_iter().flatten() {
            field(name, value.as_str().unwrap_or_default());
        }
        for cookie in returned["cookies"].as_array().into_iter().flatten() {
            field("set-cookie", cookie.as_str().unwrap_or_default());
        }
        let body = returned["body"].as_str().unwrap_or_default();
        let body = if returned["isBase64Encoded"] == true {
            STANDARD.decode(body).ok()?
        } else {
            body.as_bytes().to_vec()
        };
        if ![204, 304].contains(&status) {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut answer = head.into_bytes();
        if !self.is_head {
            answer.extend(body);
        }
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins {
            presign_function: "presign".into(),
            lookup_function: "lookup".into(),
            media_bucket: "media".into(),
            uploads_bucket: "uploads".into(),
            credentials: crate::sam::Credentials {
                access_key: "K".into(),
                secret_key: "S".into(),
            },
        }
    }

    fn called(method: &str, target: &str, fields: &[(&str, &'static str)]) -> Result<Call, NoCall> {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        let head = Head {
            method,
            target,
            fields: &fields,
        };
        Call::of(head, &origins(), "id".into(), 7)
    }

    /// Everything that an event of API Gateway says, this one says as well, and in the same place.
    #[test]
    fn events_have_the_shape_of_api_gateways() {
        let fixture = include_str!("../../../../events/http-create-upload.json");
        let theirs: Value = serde_json::from_str(fixture).expect("a fixture");
        let fields = [
            ("host", "h"),
            ("content-type", "application/json"),
            ("content-length", "2"),
        ];
        let call = called("POST", "/uploads", &fields).expect("a call");
        let ours = call.event(b"{}");
        for (name, value) in theirs.as_object().expect("an object") {
            assert_eq!(
                std::mem::discriminant(value),
                std::mem::discriminant(&ours[name]),
                "{name}"
            );
        }
        let (theirs, ours) = (&theirs["requestContext"], &ours["requestContext"]);
        for (name, value) in theirs.as_object().expect("an object") {
            // Nothing reads it.
            if name != "time" {
                assert_eq!(
                    std::mem::discriminant(value),
                    std::mem::discriminant(&ours[name]),
                    "{name}"
                );
            }
        }
        assert_eq!(ours["http"]["method"], "POST");
    }

    /// The routes are the template's: each that it names, and no others.
    #[test]
    fn routes_are_those_of_the_template() {
        let template = include_str!("../../../../infra/template.yaml");
        let mut count = 0;
        for part in template.split("RouteKey: ").skip(1) {
            let key = part.lines().next().expect("a line");
            let target = part.split("integrations/${").nth(1).expect("a target");
            let Some((method, path)) = key.split_once(' ') else {
                assert_eq!(key, "$default");
                continue;
            };
            count += 1;
            let path = path.replace("{id}", "01936f1e");
            let found = route(method, &path);
            assert_eq!(found.key, key);
            assert_eq!(found.is_presigns, target.starts_with("PresignIntegration"));
            assert_eq!(found.id.is_some(), key.contains("{id}"));
        }
        assert_eq!(count, 11);
        for (method, path) in [("GET", "/uploads"), ("POST", "/uploads/"), ("GET", "/")] {
            assert_eq!(route(method, path).key, "$default");
        }
    }

    #[test]
    fn bodies_that_are_no_text_are_encoded() {
        let call = called("POST", "/uploads?a=b", &[("content-length", "2")]).expect("a call");
        let event = call.event(b"\xff\xfe");
        assert_eq!(event["body"], "//4=");
        assert_eq!(event["isBase64Encoded"], true);
        assert_eq!(event["rawQueryString"], "a=b");
    }

    #[test]
    fn fields_that_come_twice_are_one() {
        let fields = [
            ("accept", "a"),
            ("accept", "b"),
            ("x-reelrun-secret", "guess"),
        ];
        let event = called("GET", "/videos", &fields)
            .expect("a call")
            .event(b"");
        assert_eq!(event["headers"]["accept"], "a,b");
        assert_eq!(event["headers"]["x-reelrun-secret"], Value::Null);
        assert_eq!(event["body"], Value::Null);
    }

    #[test]
    fn what_api_gateway_would_not_take_is_refused() {
        let large = called("POST", "/uploads", &[("content-length", "10485761")]);
        assert_eq!(large, Err(NoCall::TooLarge));
        let chunked = called("POST", "/uploads", &[("transfer-encoding", "chunked")]);
        assert_eq!(chunked, Err(NoCall::LengthRequired));
    }

    #[test]
    fn answers_are_what_the_function_returned() {
        let call = called("GET", "/videos", &[]).expect("a call");
        let returned =
            br#"{"statusCode":201,"headers":{"content-type":"text/plain","content-length":"9",
            "evil":"a\r\nb: c"},"cookies":["a=1"],"isBase64Encoded":true,"body":"aGk="}"#;
        let answer = String::from_utf8(call.answer(returned).expect("one")).expect("text");
        assert_eq!(
            answer,
            "HTTP/1.1 201 \r\ncontent-type: text/plain\r\nset-cookie: a=1\r\nContent-Length: 2\r\n\
             Connection: close\r\n\r\nhi"
        );
        let head = called("HEAD", "/videos", &[]).expect("a call");
        let answer = head
            .answer(br#"{"statusCode":200,"body":"hi"}"#)
            .expect("one");
        assert!(answer.ends_with(b"Content-Length: 2\r\nConnection: close\r\n\r\n"));
        assert_eq!(call.answer(b"null"), None);
    }
}
