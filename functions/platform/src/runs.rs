//! Executions of a state machine.

use aws_sdk_sfn::{
    Client, error::SdkError, operation::start_execution::StartExecutionError,
    types::ExecutionStatus,
};
use serde::Serialize;

use crate::failure::{Failure, FailureKind};

/// One state machine.
#[derive(Debug, Clone)]
pub struct Runs {
    client: Client,
    state_machine_arn: String,
}

/// Step Functions did not do what was asked, after retries.
#[derive(Debug, thiserror::Error)]
#[error("could not {action}: {source}")]
pub struct RunsError {
    action: &'static str,
    source: Failure,
}

impl RunsError {
    /// Whether the same may succeed later.
    pub fn kind(&self) -> FailureKind {
        self.source.kind()
    }
}

impl Runs {
    /// Executions of this state machine.
    pub fn new(client: Client, state_machine_arn: String) -> Self {
        Self {
            client,
            state_machine_arn,
        }
    }

    /// Starts an execution of this name, unless there was one before: starting it again, because the
    /// answer was lost or its reason came twice, starts nothing.
    pub async fn start(&self, name: &str, input: &impl Serialize) -> Result<(), RunsError> {
        let failed = |source| RunsError {
            action: "start the state machine",
            source,
        };
        let started = self
            .client
            .start_execution()
            .state_machine_arn(&self.state_machine_arn)
            .name(name)
            .input(serde_json::to_string(input).map_err(|why| failed(Failure::permanent(why)))?)
            .send()
            .await;
        match started {
            Ok(_) => Ok(()),
            Err(why) if exists(&why) => Ok(()),
            Err(why) => Err(failed(Failure::sdk(why))),
        }
    }

    /// Whether the run of this name has ended, in whatever way.
    pub async fn is_over(&self, name: &str) -> Result<bool, RunsError> {
        let execution = self
            .client
            .describe_execution()
            .execution_arn(self.execution_arn(name))
            .send()
            .await
            .map_err(|why| RunsError {
                action: "look at a run of the state machine",
                source: Failure::sdk(why),
            })?;
        let is_under_way = matches!(
            execution.status,
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive
        );
        Ok(!is_under_way)
    }

    /// `arn:aws:states:region:account:stateMachine:name` names
    /// `arn:aws:states:region:account:execution:name:execution`.
    fn execution_arn(&self, name: &str) -> String {
        let machine = self
            .state_machine_arn
            .replacen(":stateMachine:", ":execution:", 1);
        format!("{machine}:{name}")
    }
}

fn exists<R>(why: &SdkError<StartExecutionError, R>) -> bool {
    why.as_service_error()
        .is_some_and(StartExecutionError::is_execution_already_exists)
}
