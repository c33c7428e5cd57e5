//! Changes how a deployed function is configured, for the time of one test.

use std::collections::HashMap;

use aws_sdk_lambda::{Client, types::Environment};

use crate::stack::Stack;

/// A function with other settings; as it was again when this is dropped.
#[derive(Debug)]
pub struct Reconfigured {
    stack: Stack,
    before: Configuration,
}

#[derive(Debug, Clone)]
struct Configuration {
    function: String,
    variables: HashMap<String, String>,
}

impl Reconfigured {
    /// Has videos encoded in up to this many chunks, however short they are.
    ///
    /// Even a tiny picture deserves many where a chunk should take no time at all.
    pub async fn chunks(stack: &Stack, chunks: u32) -> Self {
        let variables = [
            ("MAX_PARALLEL_CHUNKS", chunks.to_string()),
            ("TARGET_CHUNK_SECONDS", "0.001".into()),
        ];
        Self::variables(stack, &variables).await
    }

    /// Sets these variables of the transcode function.
    pub async fn variables(stack: &Stack, variables: &[(&str, String)]) -> Self {
        Self::function(stack, &stack.transcode_function, variables).await
    }

    /// Sets these variables of a function.
    pub async fn function(stack: &Stack, function: &str, variables: &[(&str, String)]) -> Self {
        let before = Configuration::of(stack, function).await;
        let mut wanted = before.clone();
        for (name, value) in variables {
            wanted.variables.insert((*name).into(), value.clone());
        }
        wanted.apply(stack).await;
        Self {
            stack: stack.clone(),
            before,
        }
    }
}

impl Configuration {
    async fn of(stack: &Stack, function: &str) -> Self {
        let found = Client::new(&stack.aws())
            .get_function_configuration()
            .function_name(function)
            .send()
            .await
            .unwrap();
        Self {
            function: function.into(),
            variables: found
                .environment
                .and_then(|environment| environment.variables)
                .unwrap(),
        }
    }

    async fn apply(&self, stack: &Stack) {
        let environment = Environment::builder().set_variables(Some(self.variables.clone()));
        Client::new(&stack.aws())
            .update_function_configuration()
            .function_name(&self.function)
            .environment(environment.build())
            .send()
            .await
            .unwrap();
    }
}

impl Drop for Reconfigured {
    fn drop(&mut self) {
        let (stack, before) = (self.stack.clone(), self.before.clone());
        // A runtime of its own: this may be dropped within one.
        let restored = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(before.apply(&stack));
        });
        restored.join().unwrap();
    }
}
