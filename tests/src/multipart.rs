//! Uploads as a client makes them: small files whole, large ones in parts.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::stack::{Answer, Stack, put, send};

/// From this size on, the stack wants sources in parts.
pub const FROM_BYTES: usize = 64 << 20;

impl Stack {
    /// Uploads a file as a client would, and gives the video's id.
    pub fn upload(&self, file: &Path) -> String {
        let name = file.file_name().unwrap().to_str().unwrap();
        let content_type = reelrun_core::media_type::for_filename(name).unwrap();
        let bytes = fs::read(file).unwrap();
        if bytes.len() >= FROM_BYTES {
            let upload = Upload::begin(self, bytes.len());
            upload.send(&bytes);
            return upload.video_id;
        }
        let permission = self.permission(name, content_type, bytes.len() as u64);
        let answer = put(&permission.url, &permission.content_type, &bytes);
        assert_eq!(answer.status, 200, "{}", answer.text());
        permission.video_id
    }
}

/// A granted upload of a file in parts.
#[derive(Debug)]
pub struct Upload {
    stack: Stack,
    /// The video.
    pub video_id: String,
    /// What opens the upload.
    pub token: String,
    /// Where the source goes.
    pub key: String,
    /// The length of each part but the last.
    pub part_size: usize,
}

impl Upload {
    /// Asks for the permission; the answer must be one for an upload in parts.
    pub fn begin(stack: &Stack, size_bytes: usize) -> Self {
        let body =
            json!({"filename": "long.mp4", "content_type": "video/mp4", "size_bytes": size_bytes});
        let answer = stack.post("/uploads", Some(&stack.api_token), &body.to_string());
        assert_eq!(answer.status, 201, "{}", answer.text());
        let json = answer.json();
        let upload = &json["upload"];
        assert_eq!(upload["strategy"], "multipart", "{json}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let video_id = text(&json["video_id"]);
        let sign_url = format!("{}/uploads/{video_id}/sign", stack.api_url);
        assert_eq!(upload["sign_url"], sign_url);
        Self {
            stack: stack.clone(),
            token: text(&json["upload_token"]),
            key: text(&upload["key"]),
            part_size: usize::try_from(upload["part_size_bytes"].as_u64().unwrap()).unwrap(),
            video_id,
        }
    }

    /// The answer to a request for a signature, whose key is this upload's unless it has another.
    pub fn sign_as(&self, token: Option<&str>, changes: Value) -> Answer {
        let mut request = json!({"key": self.key});
        for (name, value) in changes.as_object().unwrap() {
            request[name] = value.clone();
        }
        let path = format!("/uploads/{}/sign", self.video_id);
        self.stack.post(&path, token, &request.to_string())
    }

    /// A signed URL, and the headers that go with it.
    pub fn signed(&self, request: Value) -> (String, Value) {
        let answer = self.sign_as(Some(&self.token), request.clone());
        assert_eq!(answer.status, 200, "{request}: {}", answer.text());
        let json = answer.json();
        (
            json["url"].as_str().unwrap().into(),
            json["headers"].clone(),
        )
    }

    /// Signs a request and sends it.
    pub fn ask(&self, request: Value, body: &[u8]) -> Answer {
        let method = request["method"].as_str().unwrap().to_owned();
        let (url, headers) = self.signed(request);
        let headers = headers.as_object().unwrap();
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        send(&method, &url, &headers, body)
    }

    /// Begins it in the store, and gives its id there.
    pub fn create(&self) -> String {
        let answer = self.ask(json!({"method": "POST"}), &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        element(&answer.text(), "UploadId")
    }

    /// Sends one part.
    pub fn part(&self, upload_id: &str, number: usize, bytes: &[u8]) -> Answer {
        let request = json!({"method": "PUT", "uploadId": upload_id, "partNumber": number});
        self.ask(request, bytes)
    }

    /// Puts the parts together.
    pub fn complete(&self, upload_id: &str, tags: &[String]) -> Answer {
        let parts = tags.iter().zip(1..).map(|(tag, number)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
        });
        let body = parts.collect::<String>();
        let body = format!("<CompleteMultipartUpload>{body}</CompleteMultipartUpload>");
        self.ask(
            json!({"method": "POST", "uploadId": upload_id}),
            body.as_bytes(),
        )
    }

    /// Sends a whole file, part by part.
    pub fn send(&self, bytes: &[u8]) {
        let upload_id = self.create();
        let parts = bytes.chunks(self.part_size).zip(1..);
        let tags: Vec<_> = parts
            .map(|(part, number)| {
                let answer = self.part(&upload_id, number, part);
                assert_eq!(answer.status, 200, "{}", answer.text());
                answer.header("etag").to_owned()
            })
            .collect();
        let answer = self.complete(&upload_id, &tags);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// The text of an XML element that holds nothing else.
fn element(xml: &str, name: &str) -> String {
    let after = xml.split_once(&format!("<{name}>"));
    let (_, after) = after.unwrap_or_else(|| panic!("{xml}"));
    after.split_once(&format!("</{name}>")).unwrap().0.into()
}
