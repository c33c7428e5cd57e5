//! A state machine, and its executions: a video's run, or the delivery of a notice.

use aws_sdk_sfn::{
    Client, error::SdkError, operation::start_execution::StartExecutionError,
    types::ExecutionStatus,
};
use serde::Serialize;

use crate::failure::{Failure, FailureKind};

/// One state machine.
#[derive(Debug, Clone)]
pub struct StateMachine {
    client: Client,
    arn: String,
}

/// Step Functions did not do what was asked, after retries.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {arn}: {source}")]
pub struct StateMachineError {
    action: &'static str,
    /// The state machine, or its execution.
    arn: String,
    source: Failure,
}

impl StateMachineError {
    /// Whether the same may succeed later.
    pub fn kind(&self) -> FailureKind {
        self.source.kind()
    }
}

impl StateMachine {
    /// The state machine of this ARN.
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }

    /// Starts an execution of this name, unless there was one before: starting it again, because the
    /// answer was lost or its reason came twice, starts nothing.
    pub async fn start(&self, name: &str, input: &impl Serialize) -> Result<(), StateMachineError> {
        let failed = |source| StateMachineError {
            action: "start the state machine",
            arn: self.arn.clone(),
            source,
        };
        let started = self
            .client
            .start_execution()
            .state_machine_arn(&self.arn)
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
    pub async fn is_over(&self, name: &str) -> Result<bool, StateMachineError> {
        let arn = self.execution_arn(name);
        let asked = self.client.describe_execution().execution_arn(&arn);
        let execution = asked.send().await.map_err(|why| StateMachineError {
            action: "look at the execution",
            arn,
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
        let machine = self.arn.replacen(":stateMachine:", ":execution:", 1);
        format!("{machine}:{name}")
    }
}

fn exists<R>(why: &SdkError<StartExecutionError, R>) -> bool {
    why.as_service_error()
        .is_some_and(StartExecutionError::is_execution_already_exists)
}
