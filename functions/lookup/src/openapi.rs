//! The API's OpenAPI document: `GET /openapi.json`.
//!
//! It is generated from the handlers' own types, of presign as well as of this function, and kept
//! as a file, so that nothing is generated while a function starts and every change of the API
//! shows in a review. A test writes the file, and fails where it is not what the code says
//! (`tests/tests/it/openapi.rs`).

use axum::response::IntoResponse;
use http::header;
use reelrun_platform::{openapi::ProblemExamples, problem::ProblemBody};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use crate::{change, key, tokens, tracks};

/// The document as it is served.
pub const DOCUMENT: &str = include_str!("../openapi.json");

const ABOUT: &str = "\
Upload a video file straight to storage, and play it as adaptive HLS and DASH.

1. `createUpload` answers with a signed URL, or with a way to sign the parts of a large file.
2. Send the file to storage. `completeUpload` has encoding begin at once.
3. `getVideo` reports its progress, and what can be played.

Times are RFC 3339 in UTC, sizes are `_bytes`, durations `_ms`, rates `_bps`. Fields may be added; \
ignore those you do not know.

An unknown path answers 404 and an unknown method 405, with a problem (RFC 9457) as every failed \
call. On AWS, too many calls at once are answered with 429 by API Gateway, in its own format.";

/// The document of this function's routes, with all that it shares with the others'.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Reelrun",
        description = ABOUT,
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    // Relative to the document, so it holds wherever a deployment is.
    servers((url = ".", description = "The deployment that serves this document.")),
    tags(
        (name = "uploads", description = "Permission to upload."),
        (name = "videos", description = "What can be played, and the library."),
        (name = "tracks", description = "Subtitles, captions and chapters."),
        (name = "service", description = "The service itself."),
    ),
    paths(
        crate::list_videos,
        crate::get_video,
        change::change_video,
        change::delete_video,
        tokens::create_token,
        tracks::change_track,
        tracks::delete_track,
        key::get_key,
        crate::health,
        document,
    ),
    components(schemas(ProblemBody)),
    modifiers(&Tokens, &ProblemExamples),
)]
pub struct LibraryApi;

/// How the kinds of token are sent.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, api: &mut openapi::OpenApi) {
        let bearer = |about: &str| {
            let mut scheme = Http::new(HttpAuthScheme::Bearer);
            scheme.description = Some(about.into());
            SecurityScheme::Http(scheme)
        };
        let components = api.components.get_or_insert_default();
        components.add_security_scheme(
            "api_token",
            bearer("A token of the deployment: it authorizes uploads and access to the library."),
        );
        components.add_security_scheme(
            "upload_token",
            bearer("The `upload_token` of an upload: it authorizes that upload only."),
        );
        components.add_security_scheme(
            "playback_token",
            bearer(
                "The `token` of a private video: it authorizes watching that video, for a while.",
            ),
        );
    }
}

/// This document
///
/// OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getOpenApi",
    tag = "service",
    responses((status = 200, description = "The document.", body = Object))
)]
pub(crate) async fn document() -> impl IntoResponse {
    // There is no registered type for OpenAPI documents; this one is what tools and browsers show.
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, DOCUMENT)
}
