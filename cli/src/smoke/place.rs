//! Where in a stack to look for the cause of what a check saw, by the names of `infra/template.yaml`.

use crate::state::StackState;

/// A part of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Api,
    Presign,
    Lookup,
    Transcode,
    Cleanup,
    Notify,
    Tracks,
    ApiCors,
    SignedUploads,
    UploadsCors,
    UploadsEvent,
    UploadsPolicy,
    MediaPolicy,
    MediaCors,
    MediaHeaders,
    OriginalHeaders,
    OriginalTypes,
    PageHeaders,
    EmbedHeaders,
    Routes,
    Distribution,
    Stored,
    Machine,
    Page,
}

impl Place {
    /// In words, with the stack's own names.
    pub(super) fn words(self, stack: &StackState) -> String {
        let function = |what: &str, role: &str, name: &str| {
            format!(
                "the {what} function's role ({role}) and its log (/aws/lambda/{name}), which has the \
                 request_id"
            )
        };
        match self {
            Self::Api => format!(
                "the API's address ({}): the HttpApi, its stage, its domain (ApiUrl), and this \
                 machine's network",
                stack.api_url
            ),
            Self::Presign => function(
                "presign",
                "PresignRole: dynamodb:GetItem, PutItem, UpdateItem",
                &stack.presign_function,
            ),
            Self::Lookup => function(
                "lookup",
                "LookupRole: dynamodb:GetItem, UpdateItem, Query",
                &stack.lookup_function,
            ),
            Self::Transcode => format!(
                "the transcode function's role (TranscodeRole: s3:GetObject on the uploads bucket, \
                 s3:PutObject on the media bucket {}, dynamodb:UpdateItem, states:StartExecution), its \
                 log (/aws/lambda/{}), and the queue of failures{}",
                stack.media_bucket,
                stack.transcode_function,
                stack
                    .failure_queue_url
                    .as_ref()
                    .map(|url| format!(" ({url})"))
                    .unwrap_or_default(),
            ),
            Self::Cleanup => format!(
                "the cleanup function's role (CleanupRole: s3:ListBucket, s3:DeleteObject), its event \
                 (CleanupFunction.Events.Deleted) and its log (/aws/lambda/{})",
                stack.cleanup_function
            ),
            Self::Tracks => format!(
                "the tracks function's role (TracksRole), its events (the uploads bucket's \
                 NotificationConfiguration; the cleanup function, which follows the table) and its log (/aws/lambda/{})",
                stack.tracks_function
            ),
            Self::Notify => format!(
                "the notify function (WebhookUrls, WebhookSecret), its log (/aws/lambda/{}) and the \
                 executions of {}",
                stack.notify_function, stack.notify_machine_arn
            ),
            Self::ApiCors => "the HTTP API's routes (UploadPreflightRoute, SignPreflightRoute, \
                DefaultRoute) and the functions' CORS layer (functions/platform/src/http.rs)"
                .into(),
            Self::SignedUploads => format!(
                "what signed URLs may do (PresignRole's policy sign-uploads: s3:PutObject) and the \
                 uploads bucket's policy (UploadsBucketPolicy; {})",
                stack.uploads_bucket
            ),
            Self::UploadsCors => format!(
                "the uploads bucket's CORS rules (UploadsBucket.CorsConfiguration, parameter \
                 CorsAllowedOrigins; {})",
                stack.uploads_bucket
            ),
            Self::UploadsEvent => format!(
                "the uploads bucket's event (UploadsBucket.NotificationConfiguration), the permission \
                 for it (TranscodeFunctionUploadsPermission), the account's Lambda quota, and the log \
                 /aws/lambda/{}",
                stack.transcode_function
            ),
            Self::UploadsPolicy => format!(
                "the uploads bucket's policy (UploadsBucketPolicy: LetTheCdnReadOriginals; {})",
                stack.uploads_bucket
            ),
            Self::MediaPolicy => format!(
                "the media bucket's policy (MediaBucketPolicy: LetTheCdnRead; {}) and the \
                 distribution's OriginAccessControl",
                stack.media_bucket
            ),
            Self::MediaCors => {
                "the bucket's CORS rules (MediaBucket.CorsConfiguration; of originals \
                UploadsBucket.CorsConfiguration, rule watch) and the distribution's \
                OriginRequestPolicyId"
                    .into()
            }
            Self::MediaHeaders => {
                "the response headers policy MediaHeaders, and whether /videos/* of \
                the Distribution has it"
                    .into()
            }
            Self::OriginalHeaders => "the response headers policy OriginalHeaders, and whether \
                /uploads/* of the Distribution has it"
                .into(),
            Self::OriginalTypes => "the CloudFront function OriginalTypes, and the type that the \
                upload was signed with (functions/core/src/media_type.rs)"
                .into(),
            Self::PageHeaders => "the response headers policy PageHeaders, and whether the \
                Distribution's DefaultCacheBehavior has it"
                .into(),
            Self::EmbedHeaders => {
                "the response headers policy EmbedHeaders, and whether /embed/* of \
                the Distribution has it"
                    .into()
            }
            Self::Routes => "the CloudFront function Routes, and what is published in the media \
                bucket (index.html, config.json)"
                .into(),
            Self::Distribution => format!(
                "the Distribution{}: its origins, behaviours and domain",
                stack
                    .distribution_id
                    .as_ref()
                    .map(|id| format!(" ({id})"))
                    .unwrap_or_default()
            ),
            Self::Stored => {
                "what the transcode function stored (functions/core/src/keys: type and \
                cache time; functions/media: contents), or what a CDN in front makes of it"
                    .into()
            }
            Self::Machine => format!(
                "the executions of the state machine {} and its role (TranscodeMachineRole), and {}",
                stack.state_machine_arn,
                Self::Transcode.words(stack)
            ),
            Self::Page => "the page's files in the media bucket; deploy again".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smoke::tests::stack;

    /// A name in the words of a place that the template has not leads nowhere.
    #[test]
    fn places_name_what_the_template_has() {
        const TEMPLATE: &str = include_str!("../../../infra/template.yaml");
        let all = [
            Place::Api,
            Place::Presign,
            Place::Lookup,
            Place::Transcode,
            Place::Cleanup,
            Place::Notify,
            Place::Tracks,
            Place::ApiCors,
            Place::SignedUploads,
            Place::UploadsCors,
            Place::UploadsEvent,
            Place::UploadsPolicy,
            Place::MediaPolicy,
            Place::MediaCors,
            Place::MediaHeaders,
            Place::OriginalHeaders,
            Place::OriginalTypes,
            Place::PageHeaders,
            Place::EmbedHeaders,
            Place::Routes,
            Place::Distribution,
            Place::Machine,
        ];
        let stack = stack();
        for place in all {
            let words = place.words(&stack);
            let names: Vec<_> = words
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|word| word.chars().filter(char::is_ascii_uppercase).count() > 1)
                .filter(|word| word.chars().any(|c| c.is_ascii_lowercase()))
                .collect();
            for name in names {
                assert!(TEMPLATE.contains(name), "{place:?}: {name}");
            }
        }
    }
}
