//! How the API's documentation tells of problems.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::{
    Modify, ToSchema as _,
    openapi::{
        Content, OpenApi, Ref, RefOr, Response,
        example::{Example, ExampleBuilder},
    },
};

use crate::problem::{MEDIA_TYPE, ProblemBody, ProblemKind};

/// Documents with which problems an operation answers: `problems!(GetVideo: NotFound, Internal)`
/// makes a type for `#[utoipa::path(responses(GetVideo))]`.
#[macro_export]
macro_rules! problems {
    ($($operation:ident: $($kind:ident),+;)+) => {$(
        pub(crate) struct $operation;

        impl utoipa::IntoResponses for $operation {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::openapi::responses(&[$($crate::problem::ProblemKind::$kind),+])
            }
        }
    )+};
}

/// Adds the examples to which the responses refer: one for each kind of problem.
#[derive(Debug, Clone, Copy)]
pub struct ProblemExamples;

impl Modify for ProblemExamples {
    fn modify(&self, api: &mut OpenApi) {
        let examples = ProblemKind::ALL.map(|kind| {
            let value = json!({
                "type": kind,
                "title": kind.title(),
                "status": kind.status().as_u16(),
                "detail": "What happened this time, and what would do.",
                "request_id": "JKJaXmPLvHcESHA=",
            });
            let example = ExampleBuilder::new()
                .summary(kind.title())
                .value(Some(value));
            (name(kind), example.build().into())
        });
        let components = api.components.get_or_insert_default();
        components.examples.extend(examples);
    }
}

/// A response for each status, with an example for each kind of problem.
pub fn responses(kinds: &[ProblemKind]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<ProblemKind>>::new();
    for kind in kinds {
        let status = kind.status().as_u16();
        by_status.entry(status).or_default().push(*kind);
    }
    by_status
        .into_iter()
        .map(|(status, kinds)| (status.to_string(), response(&kinds).into()))
        .collect()
}

fn response(kinds: &[ProblemKind]) -> Response {
    let lines: Vec<_> = kinds
        .iter()
        .map(|kind| format!("`{}`: {}.", name(*kind), kind.meaning()))
        .collect();
    let examples = kinds.iter().map(|kind| {
        let name = name(*kind);
        let example = Ref::new(format!("#/components/examples/{name}"));
        (name, RefOr::<Example>::Ref(example))
    });
    let content = Content::builder()
        .schema(Some(Ref::from_schema_name(ProblemBody::name())))
        .examples_from_iter(examples)
        .build();
    Response::builder()
        .description(lines.join("\n\n"))
        .content(MEDIA_TYPE, content)
        .build()
}

/// The last word of a kind's type.
fn name(kind: ProblemKind) -> String {
    let urn = kind.urn();
    urn.rsplit(':').next().unwrap_or_default().into()
}
