//! What the owner says of a video and may say anew: its title, its metadata, and who may watch it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        Object,
        schema::{SchemaType, Type},
    },
};

use super::{Refused, read};
use crate::{text::printable, video::Visibility};

const MAX_TITLE_CHARS: usize = 200;
const MAX_METADATA_ENTRIES: usize = 50;
const MAX_METADATA_KEY_CHARS: usize = 40;
const MAX_METADATA_VALUE_CHARS: usize = 500;

/// A change of a video's details. What is absent stays as it is. A field that can't be changed is
/// refused rather than ignored: whoever sends one expects something to happen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(description = "A change of a video's details. What is absent stays as it is.")]
pub struct DetailsChange {
    /// The new title; `Some(None)` removes it.
    #[serde(default, deserialize_with = "new_title")]
    #[schema(schema_with = title_schema, required = false)]
    pub title: Option<Option<String>>,
    /// The new metadata, all of it.
    #[serde(default, deserialize_with = "new_metadata")]
    #[schema(schema_with = metadata_schema, required = false)]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Who is to watch the video. Its files move, which takes a while: the video's `pending_visibility`
    /// says so until it is done.
    #[serde(default, deserialize_with = "some")]
    #[schema(nullable = false)]
    pub visibility: Option<Visibility>,
}

impl DetailsChange {
    /// Reads a change from its JSON.
    pub fn parse(body: &Value) -> Result<Self, Refused> {
        read(body).map_err(|why| match &*why.field {
            "title" | "metadata" | "visibility" => why,
            // What is unknown is no field of ours.
            _ => Refused {
                field: "body".into(),
                ..why
            },
        })
    }
}

#[expect(clippy::option_option, reason = "absent, null and a title are three")]
fn new_title<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<String>>, D::Error> {
    title(field).map(Some)
}

/// Reads what may be left out, and not be null.
fn some<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Visibility>, D::Error> {
    Visibility::deserialize(field).map(Some)
}

fn new_metadata<'de, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    metadata(field).map(Some)
}

pub(super) fn title_schema() -> Object {
    Object::builder()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .max_length(Some(MAX_TITLE_CHARS))
        .description(Some("What the owner calls the video; `null` for nothing."))
        .examples(["Holiday"])
        .build()
}

pub(super) fn metadata_schema() -> Object {
    let key = Object::builder()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAX_METADATA_KEY_CHARS));
    let value = Object::builder()
        .schema_type(Type::String)
        .max_length(Some(MAX_METADATA_VALUE_CHARS));
    Object::builder()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .property_names(Some(key))
        .additional_properties(Some(value))
        .max_properties(Some(MAX_METADATA_ENTRIES))
        .description(Some(
            "The owner's own key-value pairs, replaced as a whole; `null` for none.",
        ))
        .examples([json!({"album": "2026"})])
        .build()
}

/// Reads a title; `null`, and one that shows nothing, is none.
pub(super) fn title<'de, D: Deserializer<'de>>(field: D) -> Result<Option<String>, D::Error> {
    let title = Option::<String>::deserialize(field)?.unwrap_or_default();
    if title.chars().count() > MAX_TITLE_CHARS {
        return Err(D::Error::custom(format!(
            "a title may have up to {MAX_TITLE_CHARS} characters"
        )));
    }
    Ok(Some(printable(&title)).filter(|title| !title.trim().is_empty()))
}

/// Reads metadata; `null` is none.
pub(super) fn metadata<'de, D: Deserializer<'de>>(
    field: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let entries = Option::<BTreeMap<String, String>>::deserialize(field)?.unwrap_or_default();
    if entries.len() > MAX_METADATA_ENTRIES {
        return Err(D::Error::custom(format!(
            "there may be up to {MAX_METADATA_ENTRIES} entries"
        )));
    }
    let is_valid = |(key, value): (&String, &String)| {
        (1..=MAX_METADATA_KEY_CHARS).contains(&key.chars().count())
            && value.chars().count() <= MAX_METADATA_VALUE_CHARS
    };
    if !entries.iter().all(is_valid) {
        return Err(D::Error::custom(format!(
            "keys must have 1 to {MAX_METADATA_KEY_CHARS} characters, and values up to {MAX_METADATA_VALUE_CHARS}"
        )));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_stays_and_null_removes() {
        let parse = |body| DetailsChange::parse(&body).unwrap();
        assert_eq!(parse(json!({})), DetailsChange::default());
        assert_eq!(parse(json!({"title": null})).title, Some(None));
        assert_eq!(parse(json!({"title": "A"})).title, Some(Some("A".into())));
        assert_eq!(
            parse(json!({"metadata": null})).metadata,
            Some(BTreeMap::new())
        );
        assert_eq!(
            parse(json!({"title": "A\u{0}\r\nB \u{202e}4pm.exe"})).title,
            Some(Some("AB 4pm.exe".into()))
        );
        let change = parse(json!({"metadata": {"album": "one"}}));
        assert_eq!((change.title, change.metadata.unwrap().len()), (None, 1));
        let private = parse(json!({"visibility": "private"}));
        assert_eq!(private.visibility, Some(Visibility::Private));
    }

    #[test]
    fn a_wrong_change_names_its_field() {
        for (body, field) in [
            (json!([]), "body"),
            (json!({"status": "ready"}), "body"),
            (json!({"title": 7}), "title"),
            (json!({"title": "x".repeat(201)}), "title"),
            (json!({"metadata": {"a": 1}}), "metadata"),
            (json!({"visibility": "secret"}), "visibility"),
            (json!({"visibility": null}), "visibility"),
        ] {
            assert_eq!(
                DetailsChange::parse(&body).unwrap_err().field,
                field,
                "{body}"
            );
        }
    }
}
