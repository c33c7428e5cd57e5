//! Changes how a deployed function is configured, for the time of one test: as a deployment does, by a
//! version of its own that the alias points at.

use std::{collections::HashMap, time::Duration};

use aws_sdk_lambda::{
    Client,
    types::{Environment, LastUpdateStatus, State},
};

use crate::{
    poll::Patience,
    stack::{LIVE, Stack},
};

/// A function with other settings; as it was again when this is dropped.
#[derive(Debug)]
pub struct Reconfigured {
    stack: Stack,
    before: Configuration,
    /// What the alias points at for the time being.
    version: String,
}

#[derive(Debug, Clone)]
struct Configuration {
    function: String,
    variables: HashMap<String, String>,
    memory_mb: i32,
    /// What the alias points at.
    version: String,
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
        Self::change(stack, function, |wanted| wanted.set(variables)).await
    }

    /// Gives the transcode function this much memory, and sets these variables of it.
    pub async fn memory(stack: &Stack, memory_mb: i32, variables: &[(&str, String)]) -> Self {
        let change = |wanted: &mut Configuration| {
            wanted.memory_mb = memory_mb;
            wanted.set(variables);
        };
        Self::change(stack, &stack.transcode_function, change).await
    }

    async fn change(
        stack: &Stack,
        function: &str,
        change: impl FnOnce(&mut Configuration),
    ) -> Self {
        let before = Configuration::of(stack, function).await;
        let mut wanted = before.clone();
        change(&mut wanted);
        wanted.apply(stack).await;
        let version = wanted.publish(stack).await;
        point_alias(stack, function, &version).await;
        Self {
            stack: stack.clone(),
            before,
            version,
        }
    }
}

impl Configuration {
    fn set(&mut self, variables: &[(&str, String)]) {
        for (name, value) in variables {
            self.variables.insert((*name).into(), value.clone());
        }
    }

    async fn of(stack: &Stack, function: &str) -> Self {
        // By its version: LocalStack knows no configuration of an alias.
        let version = live_version(stack, function).await;
        let found = Client::new(&stack.aws())
            .get_function_configuration()
            .function_name(function)
            .qualifier(&version)
            .send()
            .await
            .unwrap();
        Self {
            version,
            function: function.into(),
            memory_mb: found.memory_size.unwrap(),
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
            .memory_size(self.memory_mb)
            .send()
            .await
            .unwrap();
        self.settled(stack, "$LATEST").await;
    }

    /// Waits until what was asked for of a version is done.
    async fn settled(&self, stack: &Stack, version: &str) {
        let settled = async || {
            let found = Client::new(&stack.aws())
                .get_function_configuration()
                .function_name(&self.function)
                .qualifier(version)
                .send()
                .await
                .unwrap();
            let is_pending = found.state == Some(State::Pending);
            if is_pending || found.last_update_status == Some(LastUpdateStatus::InProgress) {
                return Err(found);
            }
            Ok(())
        };
        Patience::of(Duration::from_mins(1))
            .wait_for("the function is updated", settled)
            .await;
    }

    async fn publish(&self, stack: &Stack) -> String {
        let published = Client::new(&stack.aws())
            .publish_version()
            .function_name(&self.function)
            .send()
            .await
            .unwrap();
        let version = published.version.unwrap();
        self.settled(stack, &version).await;
        version
    }

    /// Has the function be as this again, and nothing be left of the other version.
    async fn restore(&self, stack: &Stack, other_version: &str) {
        self.apply(stack).await;
        point_alias(stack, &self.function, &self.version).await;
        let deleted = Client::new(&stack.aws())
            .delete_function()
            .function_name(&self.function)
            .qualifier(other_version)
            .send()
            .await
            .map_err(aws_sdk_lambda::Error::from);
        // Some tests delete it themselves.
        let is_gone = matches!(
            deleted,
            Ok(_) | Err(aws_sdk_lambda::Error::ResourceNotFoundException(_))
        );
        assert!(is_gone, "{deleted:?}");
    }
}

/// The version of a function that answers now.
pub async fn live_version(stack: &Stack, function: &str) -> String {
    let alias = Client::new(&stack.aws())
        .get_alias()
        .function_name(function)
        .name(LIVE)
        .send()
        .await
        .unwrap();
    alias.function_version.unwrap()
}

async fn point_alias(stack: &Stack, function: &str, version: &str) {
    Client::new(&stack.aws())
        .update_alias()
        .function_name(function)
        .name(LIVE)
        .function_version(version)
        .send()
        .await
        .unwrap();
}

impl Drop for Reconfigured {
    fn drop(&mut self) {
        let (stack, before) = (self.stack.clone(), self.before.clone());
        let version = self.version.clone();
        // A runtime of its own: this may be dropped within one.
        let restored = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(before.restore(&stack, &version));
        });
        restored.join().unwrap();
    }
}
