//! Wires the notify function: configuration, clients, handler.
#![forbid(unsafe_code)]

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use reelrun_notify::{Notify, NotifyError, webhook::Webhooks};
use reelrun_platform::{aws, config, state_machine::StateMachine};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let sdk = aws::sdk_config().await;
    let notify = Notify {
        deliveries: StateMachine::new(
            aws::step_functions(&sdk),
            config::text("NOTIFY_MACHINE_ARN")?,
        ),
        public_url: config::base_url("PUBLIC_URL")?,
        page_url: config::base_url("PAGE_URL")?,
        mails: config::optional("MAILS") == "true",
        webhooks: Webhooks::new(
            &config::optional("WEBHOOK_URLS"),
            &config::optional("WEBHOOK_SECRET"),
            config::optional("WEBHOOK_PRIVATE_ADDRESSES") == "permitted",
        )?,
    };
    let notify = &notify;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        notify.handle(event.payload).await.map_err(diagnostic)
    }))
    .await
}

/// The name by which the state machine decides whether to try again.
fn diagnostic(why: NotifyError) -> Diagnostic {
    let error_type = match why {
        NotifyError::Refused(_) => "Refused",
        NotifyError::Undelivered(_) | NotifyError::StateMachine(_) => "Transient",
    };
    Diagnostic {
        error_type: error_type.into(),
        error_message: why.to_string(),
    }
}
