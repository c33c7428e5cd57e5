//! Functions are called by the tests, and not by the table's stream, nor by storage.

use aws_sdk_lambda::Client as Lambda;
use aws_sdk_s3::types::NotificationConfiguration;
use reelrun_tests::stack::Stack;

/// A function that is not called by its stream, until this is dropped.
pub(crate) struct Stopped {
    stack: Stack,
    mapping: String,
}

impl Stopped {
    pub(crate) async fn stream_of(stack: &Stack, function: &str) -> Self {
        let lambda = Lambda::new(&stack.aws());
        let found = lambda.list_event_source_mappings().send().await.unwrap();
        let of_function = |arn: &str| arn.split(':').any(|part| part == function);
        let mapping = found
            .event_source_mappings()
            .iter()
            .find(|mapping| mapping.function_arn().is_some_and(of_function))
            .and_then(|mapping| mapping.uuid.clone())
            .unwrap();
        let stopped = Self {
            stack: stack.clone(),
            mapping,
        };
        stopped.set(false).await;
        stopped
    }

    async fn set(&self, enabled: bool) {
        Lambda::new(&self.stack.aws())
            .update_event_source_mapping()
            .uuid(&self.mapping)
            .enabled(enabled)
            .send()
            .await
            .unwrap();
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(self.set(true));
        });
    }
}

/// Storage tells nobody of what arrives for text tracks, until this is dropped.
pub(crate) struct Silenced {
    stack: Stack,
    before: NotificationConfiguration,
}

impl Silenced {
    pub(crate) async fn tracks(stack: &Stack) -> Self {
        let asked = stack.s3().get_bucket_notification_configuration();
        let before = asked.bucket(&stack.uploads_bucket).send().await.unwrap();
        let all = before.lambda_function_configurations().to_vec();
        let function = format!(":function:{}", stack.tracks_function);
        let (ours, others): (Vec<_>, Vec<_>) = all
            .iter()
            .cloned()
            .partition(|one| one.lambda_function_arn().contains(&function));
        assert_eq!(ours.len(), 1, "{all:?}");
        let of = |configurations| {
            let builder = NotificationConfiguration::builder();
            builder
                .set_lambda_function_configurations(Some(configurations))
                .build()
        };
        let silenced = Self {
            stack: stack.clone(),
            before: of(all),
        };
        silenced.set(of(others)).await;
        silenced
    }

    async fn set(&self, configuration: NotificationConfiguration) {
        let request = self.stack.s3().put_bucket_notification_configuration();
        request
            .bucket(&self.stack.uploads_bucket)
            .notification_configuration(configuration)
            .send()
            .await
            .unwrap();
    }
}

impl Drop for Silenced {
    fn drop(&mut self) {
        tokio::task::block_in_place(|| {
            let before = self.before.clone();
            tokio::runtime::Handle::current().block_on(self.set(before));
        });
    }
}
