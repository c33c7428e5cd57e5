//! Answers as the services write them, read by the SDK itself.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::types::AttributeValue;

use super::*;
use FailureKind::{Permanent, Transient};

/// A client's configuration whose next request gets this answer.
fn answered_with(status: u16, headers: &str, body: &str) -> SdkConfig {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Whatever\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut piece = [0; 4096];
        // Requests here are without a body, or with one of a few bytes.
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = connection.read(&mut piece).unwrap();
            request.extend_from_slice(&piece[..read]);
        }
        connection.write_all(answer.as_bytes()).unwrap();
        // Until the client has read it.
        let _ = connection.read(&mut piece);
    });
    config(&format!("http://{address}"))
}

fn config(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .build()
}

/// What is made of an answer of S3 with this body.
async fn of_s3(status: u16, code: &str, message: &str) -> Failure {
    let body = format!(
        "<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>{message}</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
    );
    let s3 = crate::aws::s3(&answered_with(
        status,
        "content-type: application/xml\r\n",
        &body,
    ));
    let put = s3.put_object().bucket("films").key("videos/a/init.mp4");
    Failure::sdk(put.send().await.unwrap_err())
}

/// What is made of an answer of `DynamoDB` with this error.
async fn of_dynamodb(status: u16, code: &str, message: &str) -> Failure {
    let body =
        format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","Message":"{message}"}}"#);
    let kind = "content-type: application/x-amz-json-1.0\r\n";
    let dynamodb = crate::aws::dynamodb(&answered_with(status, kind, &body));
    let get = dynamodb
        .get_item()
        .table_name("videos")
        .key("id", AttributeValue::S("a".into()));
    Failure::sdk(get.send().await.unwrap_err())
}

#[tokio::test]
async fn what_stays_is_told_from_what_passes() {
    for (kind, status, code) in [
        (Permanent, 403, "AccessDenied"),
        (Permanent, 404, "NoSuchBucket"),
        (Permanent, 404, "NoSuchKey"),
        (Permanent, 400, "InvalidArgument"),
        (Permanent, 403, "SignatureDoesNotMatch"),
        (Permanent, 301, "PermanentRedirect"),
        (Transient, 503, "SlowDown"),
        (Transient, 500, "InternalError"),
        (Transient, 409, "OperationAborted"),
        (Transient, 400, "RequestTimeout"),
        (Transient, 400, "ExpiredToken"),
        (Transient, 403, "RequestTimeTooSkewed"),
    ] {
        let failure = of_s3(status, code, "Why.").await;
        assert_eq!(failure.kind(), kind, "{failure}");
        assert!(failure.to_string().contains(code), "{failure}");
        assert!(failure.source().is_some());
    }
    for (kind, status, code) in [
        (Permanent, 400, "AccessDeniedException"),
        (Permanent, 400, "ResourceNotFoundException"),
        (Permanent, 400, "ValidationException"),
        (Permanent, 400, "UnrecognizedClientException"),
        (Transient, 400, "ProvisionedThroughputExceededException"),
        (Transient, 400, "ThrottlingException"),
        (Transient, 400, "TransactionConflictException"),
        (Transient, 400, "ExpiredTokenException"),
        (Transient, 500, "InternalServerError"),
    ] {
        let failure = of_dynamodb(status, code, "Why.").await;
        assert_eq!(failure.kind(), kind, "{failure}");
        assert!(failure.to_string().contains(code), "{failure}");
    }
}

#[tokio::test]
async fn what_is_not_permitted_names_the_permission() {
    let failure = of_s3(403, "AccessDenied", "Access Denied").await;
    assert!(
        failure
            .to_string()
            .starts_with("the function's role lacks s3:PutObject: "),
        "{failure}"
    );
    let said = "User: arn:aws:sts::123456789012:assumed-role/films/films-lookup is not authorized to perform: \
                dynamodb:GetItem on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/videos";
    let failure = of_dynamodb(400, "AccessDeniedException", said).await;
    assert!(
        failure.to_string().contains("lacks dynamodb:GetItem: "),
        "{failure}"
    );
    assert!(failure.to_string().contains("table/videos"), "{failure}");
    // An answer to HEAD has no body, so neither code nor words.
    let s3 = crate::aws::s3(&answered_with(403, "", ""));
    let head = s3.head_object().bucket("films").key("refused/a/source");
    let failure = Failure::sdk(head.send().await.unwrap_err());
    assert_eq!(failure.kind(), Permanent);
    assert!(
        failure.to_string().contains("lacks s3:GetObject"),
        "{failure}"
    );
    // Another reason, and no permission.
    let failure = of_s3(403, "InvalidAccessKeyId", "Why.").await;
    assert!(!failure.to_string().contains("lacks"), "{failure}");
}

#[tokio::test]
async fn step_functions_and_lambda_say_it_in_their_own_ways() {
    for (kind, code) in [
        (Permanent, "StateMachineDoesNotExist"),
        (Permanent, "InvalidName"),
        (Permanent, "AccessDeniedException"),
        (Transient, "ExecutionLimitExceeded"),
        (Transient, "ThrottlingException"),
    ] {
        let body = format!(r#"{{"__type":"{code}","message":"Why."}}"#);
        let headers = "content-type: application/x-amz-json-1.0\r\n";
        let states = crate::aws::step_functions(&answered_with(400, headers, &body));
        let start = states
            .start_execution()
            .state_machine_arn("arn:aws:states:eu-west-1:123456789012:stateMachine:films");
        let failure = Failure::sdk(start.send().await.unwrap_err());
        assert_eq!(failure.kind(), kind, "{failure}");
        let is_denied = failure.to_string().contains("lacks states:StartExecution");
        assert_eq!(is_denied, code == "AccessDeniedException", "{failure}");
    }
    for (kind, status, code) in [
        (Permanent, 404, "ResourceNotFoundException"),
        (Permanent, 403, "AccessDeniedException"),
        (Transient, 429, "TooManyRequestsException"),
        (Transient, 409, "ResourceConflictException"),
        (Transient, 500, "ServiceException"),
    ] {
        let headers = format!("content-type: application/json\r\nx-amzn-errortype: {code}\r\n");
        let lambda = crate::aws::lambda(&answered_with(status, &headers, r#"{"Message":"Why."}"#));
        let invoke = lambda.invoke().function_name("films-transcode:live");
        let failure = Failure::sdk(invoke.send().await.unwrap_err());
        assert_eq!(failure.kind(), kind, "{failure}");
    }
}

#[tokio::test]
async fn an_answer_that_begins_well_may_end_in_an_error() {
    let body = "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>";
    let headers = "content-type: application/xml\r\n";
    let s3 = crate::aws::s3(&answered_with(200, headers, body));
    let complete = s3
        .complete_multipart_upload()
        .bucket("films")
        .key("a")
        .upload_id("1");
    let failure = Failure::sdk(complete.send().await.unwrap_err());
    assert_eq!(failure.kind(), Transient, "{failure}");
    assert_eq!(
        Failure::coded(Some("AccessDenied"), "one object").kind(),
        Permanent
    );
    assert_eq!(
        Failure::coded(Some("InternalError"), "one object").kind(),
        Transient
    );
}

#[tokio::test]
async fn a_network_that_is_away_comes_back() {
    // Nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let s3 = crate::aws::s3(&config(&format!("http://{nobody}")));
    let get = s3.get_object().bucket("films").key("a");
    let failure = Failure::sdk(get.send().await.unwrap_err());
    assert_eq!(failure.kind(), Transient, "{failure}");
    // What can't be sent at all is our own mistake.
    let s3 = crate::aws::s3(&config("http://127.0.0.1"));
    let failure = Failure::sdk(s3.get_object().key("a").send().await.unwrap_err());
    assert_eq!(failure.kind(), Permanent, "{failure}");
}
