//! Another function, called without waiting for its answer.

use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use serde_json::Value;

use crate::failure::Failure;

/// A function.
#[derive(Debug, Clone)]
pub struct Function {
    client: Client,
    name: String,
}

/// Lambda did not take the event, after retries.
#[derive(Debug, thiserror::Error)]
#[error("could not call {name}: {source}")]
pub struct CallError {
    name: String,
    source: Failure,
}

impl Function {
    /// The function of this name.
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Has Lambda deliver an event, with the retries and the failure queue of any event.
    pub async fn send(&self, event: &Value) -> Result<(), CallError> {
        self.client
            .invoke()
            .function_name(&self.name)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event.to_string()))
            .send()
            .await
            .map(drop)
            .map_err(|why| CallError {
                name: self.name.clone(),
                source: Failure::sdk(why),
            })
    }
}
