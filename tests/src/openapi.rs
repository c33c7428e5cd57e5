//! Whether calls of the API are what its OpenAPI document says.
//!
//! The harness looks at every call that the tests make (see [`check`]), so a path, a status, a
//! kind of problem or a field that is not documented fails the test that meets it.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use reelrun_lookup::openapi::DOCUMENT;
use serde_json::{Value, json};

static API: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(DOCUMENT).unwrap());

/// A call and its answer.
#[derive(Debug)]
pub struct Call<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The path below the API's address, with or without a query.
    pub path: &'a str,
    /// The request's body.
    pub request: &'a [u8],
    /// The answer's status.
    pub status: u16,
    /// The answer's media type.
    pub content_type: &'a str,
    /// The answer's body.
    pub answer: &'a [u8],
}

/// Panics unless a call is as documented.
pub fn check(call: &Call) {
    let Some(operation) = operation(call.method, call.path) else {
        assert!(
            [404, 405].contains(&call.status) || call.method == "OPTIONS",
            "not documented: {call:?}"
        );
        return;
    };
    let response = &operation["responses"][call.status.to_string()];
    assert!(response.is_object(), "status not documented: {call:?}");
    let request = operation["requestBody"].get("content");
    if let Some(content) = request.filter(|_| (200..300).contains(&call.status)) {
        conforms(&content["application/json"]["schema"], call.request);
    }
    let Some(content) = response.get("content") else {
        assert!(call.answer.is_empty(), "no body is documented: {call:?}");
        return;
    };
    let content = &content[call.content_type];
    assert!(content.is_object(), "type not documented: {call:?}");
    if call.content_type == "application/octet-stream" {
        return;
    }
    let answer = conforms(&content["schema"], call.answer);
    if let Some(kinds) = content.get("examples") {
        let kind = answer["type"].as_str().unwrap().rsplit(':').next().unwrap();
        assert!(
            kinds.get(kind).is_some(),
            "problem not documented: {call:?}"
        );
    }
}

/// Panics unless a value is what the document says of the schema with this name.
pub fn check_value(name: &str, value: &Value) {
    let reference = json!({"$ref": format!("#/components/schemas/{name}")});
    conforms(&reference, value.to_string().as_bytes());
}

/// The documented operation at a path.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next()?;
    let is_at = |template: &str| {
        template.split('/').count() == path.split('/').count()
            && template
                .split('/')
                .zip(path.split('/'))
                .all(|(expected, part)| expected == part || expected.starts_with('{'))
    };
    let paths = API["paths"].as_object().unwrap();
    let (_, item) = paths.iter().find(|(template, _)| is_at(template))?;
    item.get(method.to_ascii_lowercase())
}

fn conforms(schema: &Value, body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body);
    let value = serde_json::from_slice(body).unwrap_or_else(|why| panic!("{why}: {text}"));
    let errors: Vec<_> = validator(schema)
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "not as documented: {errors:#?}\n{text}");
    value
}

/// A schema of the document by itself, with the components to which it refers. It takes longer to read
/// than an answer to be judged by it, and tests ask the same again and again.
fn validator(schema: &Value) -> Arc<Validator> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap();
    let entry = known.entry(schema.to_string());
    Arc::clone(entry.or_insert_with(|| Arc::new(read(schema))))
}

fn read(schema: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"] = API["components"].clone();
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
}
