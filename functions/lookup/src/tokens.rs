//! `POST /videos/{id}/tokens`, and who may look a private video up.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::IntoResponse,
};
use http::{HeaderMap, StatusCode};
use reelrun_core::{
    lifecycle,
    timestamp::Timestamp,
    token::{self, Audience, request},
    video::{Video, VideoId},
    view::{self, Access, Playback},
};
use reelrun_platform::{
    auth::bearer_token,
    http::{JsonBody, video_id},
    now,
    problem::{Problem, ProblemKind},
    problems,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Lookup;

problems! {
    TokenProblems: MalformedRequest, Unauthorized, NotFound, Conflict, RequestTooLarge, InvalidField,
        Internal;
}

/// A playback token, and what it opens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantedToken {
    /// A JWT. It is part of each address: whoever has it may watch.
    token: String,
    /// When it expires: RFC 3339, UTC.
    #[schema(format = DateTime)]
    expires_at: String,
    /// What can be played now, and where; all by this token.
    playback: Playback,
}

/// Create a playback token for a private video
///
/// Nothing is stored, and a token can't be taken back: it opens the video until it expires, the video
/// is deleted, or its key is retired.
#[utoipa::path(
    post,
    path = "/videos/{id}/tokens",
    operation_id = "createToken",
    tag = "videos",
    params(("id" = VideoId, Path, description = "The video.")),
    request_body = request::TokenBody,
    responses(
        (status = 201, description = "The token, and the addresses it opens.", body = GrantedToken),
        TokenProblems,
    ),
    security(("api_token" = []))
)]
pub(crate) async fn create_token(
    State(lookup): State<Arc<Lookup>>,
    id: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, Problem> {
    let id = video_id(id)?;
    let video = lifecycle::as_of(now(), lookup.find(id).await?);
    let claims = request::parse(&body, &video, now())
        .map_err(|why| Problem::new(ProblemKind::InvalidField, why.detail).in_field(why.field))?;
    if !video.visibility.is_private() {
        let detail = "The video is public: it plays without a token.";
        return Err(Problem::new(ProblemKind::Conflict, detail));
    }
    let keys = lookup.keys.as_ref().ok_or_else(|| {
        let detail =
            "This deployment has no playback keys. Deploy it with `cargo reelrun deploy`, which makes one.";
        Problem::new(ProblemKind::Conflict, detail)
    })?;
    let token = token::sign(&claims, keys);
    let mut access = Access::default();
    match claims.audience {
        Audience::Play => access.play = Some(token.clone()),
        Audience::Original => access.original = Some(token.clone()),
    }
    let granted = GrantedToken {
        token,
        expires_at: Timestamp::from_secs(claims.expires_at).to_string(),
        playback: view::playback(&video, &lookup.public_url, &access),
    };
    Ok((StatusCode::CREATED, axum::Json(granted)))
}

impl Lookup {
    /// What its owner has of a video.
    pub(crate) fn access_of_owner(&self, video: &Video) -> Access {
        let keys = self.keys.as_ref();
        keys.map_or_else(Access::of_owner, |keys| {
            request::of_owner(video, keys, now())
        })
    }

    /// Whether whoever asks may watch a video. A token for its original is for something else.
    pub(crate) fn may_play(&self, video: &Video, headers: &HeaderMap) -> bool {
        let is_owner = bearer_token(headers).is_some_and(|token| self.tokens.accepts(token));
        let access = self.access(video, headers);
        is_owner || access.is_some_and(|access| access.play.is_some())
    }

    /// What whoever asks has of a video; nothing if it is none of theirs, as if there were none.
    pub(crate) fn access(&self, video: &Video, headers: &HeaderMap) -> Option<Access> {
        let bearer = bearer_token(headers);
        if bearer.is_some_and(|bearer| self.tokens.accepts(bearer)) {
            return Some(self.access_of_owner(video));
        }
        if !video.is_guarded() {
            return Some(Access::default());
        }
        let bearer = bearer?;
        let claims = token::verify(bearer, self.keys.as_ref()?, now()).ok()?;
        (claims.video == video.id).then(|| match claims.audience {
            Audience::Play => Access {
                play: Some(bearer.into()),
                ..Access::default()
            },
            Audience::Original => Access {
                original: Some(bearer.into()),
                ..Access::default()
            },
        })
    }
}
