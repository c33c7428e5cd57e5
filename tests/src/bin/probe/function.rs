//! The least that a function has to do: ask for events and answer them.

use serde_json::Value;
use ureq::{Agent, Body, http::Response};

/// Answers events for ever.
pub(crate) fn serve(answer: impl Fn(Value) -> Value) {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let base = format!("http://{api}/2018-06-01/runtime/invocation");
    let agent = Agent::new_with_defaults();
    loop {
        let mut event: Response<Body> = agent.get(format!("{base}/next")).call().unwrap();
        let id = event.headers()["lambda-runtime-aws-request-id"].clone();
        let answered = answer(event.body_mut().read_json().unwrap());
        let url = format!("{base}/{}/response", id.to_str().unwrap());
        agent.post(url).send_json(answered).unwrap();
    }
}
