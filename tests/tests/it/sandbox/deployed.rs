//! The functions of the stack are in such sandboxes, and their ends are told as Lambda tells them.

use std::{collections::HashMap, fs, path::Path, process::Command, time::Duration};

use aws_sdk_lambda::{
    Client,
    primitives::Blob,
    types::{Environment, FunctionCode, Runtime},
};
use reelrun_tests::{
    configuration::Reconfigured,
    delivery::{deliver, put_event},
    media::Clips,
    poll::{Patience, so},
    processes::of_function,
    stack::Stack,
};
use serde_json::{Value, json};

use super::{check_status, field};

/// A function of the probe, until this is dropped.
struct Deployed {
    lambda: Client,
    name: String,
}

impl Deployed {
    async fn new(stack: &Stack, case: &str, memory_mb: i32) -> Self {
        let lambda = Client::new(&stack.aws());
        let name = format!("probe-{}", uuid::Uuid::new_v4());
        // One that may do something, if anyone should ask what.
        let like = lambda.get_function_configuration();
        let like = like.function_name(&stack.lookup_function).send().await;
        let variables = HashMap::from([("PROBE".to_owned(), case.to_owned())]);
        lambda
            .create_function()
            .function_name(&name)
            .runtime(Runtime::Providedal2023)
            .handler("bootstrap")
            .role(like.unwrap().role.unwrap())
            .memory_size(memory_mb)
            .timeout(30)
            .environment(
                Environment::builder()
                    .set_variables(Some(variables))
                    .build(),
            )
            .code(
                FunctionCode::builder()
                    .zip_file(Blob::new(archive()))
                    .build(),
            )
            .send()
            .await
            .unwrap();
        Self { lambda, name }
    }

    /// Its answer, or its error.
    async fn invoke(&self, event: &Value) -> Result<Value, Value> {
        let payload = Blob::new(event.to_string());
        let invoke = self.lambda.invoke().function_name(&self.name);
        let answer = invoke.payload(payload).send().await.unwrap();
        let payload = serde_json::from_slice(answer.payload.unwrap().as_ref()).unwrap();
        match answer.function_error {
            None => Ok(payload),
            Some(_) => Err(payload),
        }
    }

    async fn remove(self) {
        let removed = self.lambda.delete_function().function_name(&self.name);
        removed.send().await.unwrap();
    }
}

/// The probe, as code of a function.
fn archive() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (program, archive) = (
        folder.path().join("bootstrap"),
        folder.path().join("code.zip"),
    );
    fs::copy(env!("CARGO_BIN_EXE_probe"), &program).unwrap();
    let made = Command::new("python3")
        .args(["-m", "zipfile", "-c"])
        .args([&archive, Path::new("bootstrap")])
        .current_dir(folder.path())
        .status();
    assert!(made.unwrap().success());
    fs::read(archive).unwrap()
}

/// What was the fault that no test saw: a `main` that takes a refused `prctl` for an error.
#[tokio::test]
async fn a_function_that_takes_a_refusal_for_an_error_fails_here_too() {
    let function = Deployed::new(&Stack::get(), "unhandled", 256).await;
    let error = function
        .invoke(&json!({}))
        .await
        .expect_err("it can't start");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("PermissionDenied"), "{error}");
    function.remove().await;
}

#[tokio::test]
async fn a_function_that_takes_too_much_memory_is_killed() {
    let function = Deployed::new(&Stack::get(), "function", 128).await;
    let status = function.invoke(&json!({})).await.expect("a status");
    check_status(status.as_str().unwrap());
    assert_eq!(
        function.invoke(&json!({"hold_mb": 50})).await,
        Ok(json!("held"))
    );
    let error = function.invoke(&json!({"hold_mb": 300})).await;
    let error = error.expect_err("more than there is");
    let message = error["errorMessage"].as_str().unwrap();
    assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
    assert!(
        message.ends_with("Error: Runtime exited with error: signal: killed"),
        "{message}"
    );
    // The next one has a new sandbox.
    assert_eq!(
        function.invoke(&json!({"hold_mb": 50})).await,
        Ok(json!("held"))
    );
    function.remove().await;
}

/// Each of the six, and after its invocation it stands still.
#[tokio::test]
async fn every_function_is_in_a_sandbox() {
    let stack = Stack::get();
    let lambda = Client::new(&stack.aws());
    for (name, function) in stack.functions() {
        // Whatever it makes of this: it runs.
        let invoke = lambda.invoke().function_name(function);
        invoke.payload(Blob::new("{}")).send().await.unwrap();
        let processes = of_function(&stack, function);
        assert!(!processes.is_empty(), "{name}");
        for process in processes {
            let status = process.status().expect(name);
            check_status(&status);
            assert_eq!(
                field(&status, "NSpid:").split_whitespace().count(),
                3,
                "{name}"
            );
            // It may have work of earlier tests: cleanup waits until nothing is stored any more.
            let stands = || {
                let status = process.status();
                so(status.is_none_or(|status| field(&status, "State:").starts_with('T')))
            };
            Patience::of(Duration::from_mins(2)).block_on(name, stands);
        }
    }
}

/// What the picture needs is more than the function has; given more, it can be retried.
#[tokio::test]
async fn a_video_that_takes_more_memory_than_there_is_ends_too_large() {
    let stack = Stack::get();
    let clips = Clips::new();
    let file = clips.clip("large.mp4", "1920x1080", "25", 2.0);
    let small = Reconfigured::memory(&stack, 400, &[]).await;
    let id = stack.upload(&file);
    let video = stack.settled(&id);
    drop(small);
    assert_eq!(video["status"], "errored", "{video:#}");
    assert_eq!(video["error"]["type"], "too-large", "{video:#}");
    let mut event = put_event(&stack, &id, file.metadata().unwrap().len());
    event["Records"][0]["eventSource"] = json!("by.hand");
    deliver(&stack, &event).await;
    let video = stack.video(&id);
    assert_eq!(video["status"], "ready", "{video:#}");
}
