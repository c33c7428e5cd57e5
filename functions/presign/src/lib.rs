//! `POST /uploads`: the permission to upload one source; `POST /uploads/{id}/sign`: each request
//! that a large one takes; `POST /uploads/{id}/complete`: that it is there; `POST /videos/{id}/tracks`:
//! the permission to upload a text track.
//!
//! The file never passes through here. The client gets URLs signed for exactly one key, length
//! and type, valid for a while, and sends the bytes to storage itself. What signs them is bounded
//! by the function's role; who may ask for them, by the token that came with the permission.
#![forbid(unsafe_code)]

mod answer;
mod complete;
mod permission;
mod sign;
mod track;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    middleware,
    routing::{get, post},
};
use reelrun_core::{media_type, upload::UploadLimits, video::Visibility};
use reelrun_platform::{
    auth::{ApiTokens, require_token},
    catalog::Catalog,
    http::router,
    lambda::Function,
    signer::Signer,
    storage::Storage,
};
use utoipa::OpenApi;

use crate::answer::{AcceptedType, Limits};

/// What the function works with.
#[derive(Clone)]
pub struct Presign {
    /// Where videos are recorded.
    pub catalog: Catalog,
    /// Where sources are looked for.
    pub storage: Storage,
    /// Whom an upload is announced to.
    pub transcode: Function,
    /// Signs what clients send to storage.
    pub signer: Signer,
    /// What is accepted.
    pub limits: UploadLimits,
    /// Who may watch a video of which its upload says nothing else.
    pub default_visibility: Visibility,
    /// How long a signed URL is valid.
    pub url_expiry: Duration,
    /// How long an upload may take: until then its URLs are signed anew.
    pub upload_expiry: Duration,
    /// The API's own base URL.
    pub api_url: String,
    /// Whether the library is known to reach back to the present month.
    pub library_is_extended: Arc<AtomicBool>,
}

/// The document of these routes. Lookup serves it together with its own.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    permission::create_upload,
    sign::sign_request,
    complete::complete_upload,
    track::create_track,
    limits
))]
pub struct UploadsApi;

/// The function's routes.
pub fn routes(presign: Presign, tokens: ApiTokens) -> Router {
    router(
        Router::new()
            .route("/uploads", post(permission::create_upload))
            .route("/videos/{id}/tracks", post(track::create_track))
            .route_layer(middleware::from_fn_with_state(tokens, require_token))
            // Opened by the upload's own token.
            .route("/uploads/{id}/sign", post(sign::sign_request))
            .route("/uploads/{id}/complete", post(complete::complete_upload))
            .route("/limits", get(limits))
            .with_state(Arc::new(presign)),
    )
}

/// What may be uploaded
///
/// What a client can check before it requests an upload.
#[utoipa::path(
    get,
    path = "/limits",
    operation_id = "getLimits",
    tag = "uploads",
    responses((status = 200, description = "How large a file may be, and of which types.", body = Limits))
)]
async fn limits(State(presign): State<Arc<Presign>>) -> axum::Json<Limits> {
    let accepted = media_type::accepted().map(|(extension, content_types)| AcceptedType {
        extension,
        content_types,
    });
    axum::Json(Limits {
        max_upload_bytes: presign.limits.max_bytes,
        accepted: accepted.collect(),
        default_visibility: presign.default_visibility,
    })
}
