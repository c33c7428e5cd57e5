//! What both HTTP functions share: request ids, problems, CORS and limits.

use std::time::Duration;

use axum::{
    Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, FromRequest, Path, Request,
        rejection::{BytesRejection, PathRejection},
    },
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use lambda_http::{RequestExt as _, request::RequestContext};
use reelrun_core::video::VideoId;
use serde_json::Value;
use tower_http::cors::{Any, CorsLayer};
use uuid::Uuid;

use crate::problem::{Problem, ProblemKind};

/// A client's name for a request that may come more than once.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The id in a path that is about one video.
pub fn video_id(path: Result<Path<String>, PathRejection>) -> Result<VideoId, Problem> {
    let Path(id) =
        path.map_err(|why| Problem::new(ProblemKind::MalformedRequest, why.body_text()))?;
    id.parse().map_err(|_| Problem::no_video(&id))
}

/// Larger requests have no business here: files go to storage directly.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Completes a function's routes: unknown paths and methods answer with a problem, every problem
/// names its request, and browsers on any origin may call.
pub fn router(routes: Router) -> Router {
    routes
        .fallback(async || {
            Problem::new(
                ProblemKind::NotFound,
                "No such path. GET /openapi.json describes those there are.",
            )
        })
        .method_not_allowed_fallback(async |method: Method| {
            let detail = format!("{method} is not possible on this path.");
            Problem::new(ProblemKind::MethodNotAllowed, detail)
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(complete))
        .layer(cors())
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, IDEMPOTENCY_KEY])
        .max_age(Duration::from_hours(1))
}

/// Gives the problem in a response its body, and every response its safety headers.
async fn complete(request: Request, next: Next) -> Response {
    let request_id = request_id(&request);
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        // What middleware in between added (`Allow`, say) is kept.
        let headers = std::mem::take(response.headers_mut());
        response = problem.into_response_for(&request_id);
        for (name, value) in headers.iter().filter(|(name, _)| *name == header::ALLOW) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The gateway's id for this request, under which our log tells of it.
fn request_id(request: &Request) -> String {
    let from_gateway = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };
    from_gateway.unwrap_or_else(|| Uuid::now_v7().to_string())
}

/// A request's body as JSON; a body that is none is a problem.
pub struct JsonBody(pub Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|why: BytesRejection| {
                if why.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    let detail = format!("A request may have up to {MAX_BODY_BYTES} bytes.");
                    Problem::new(ProblemKind::RequestTooLarge, detail)
                } else {
                    Problem::new(ProblemKind::MalformedRequest, "The body could not be read.")
                }
            })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|why| {
            Problem::new(
                ProblemKind::MalformedRequest,
                format!("The body is not valid JSON: {why}."),
            )
        })
    }
}
