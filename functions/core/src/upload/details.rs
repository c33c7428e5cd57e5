//! What the owner says of a video and may say anew: its title and metadata.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        Object,
        schema::{SchemaType, Type},
    },
};

use super::{Refused, invalid, string};
use crate::text::printable;

const MAX_TITLE_CHARS: usize = 200;
const MAX_METADATA_ENTRIES: usize = 50;
const MAX_METADATA_KEY_CHARS: usize = 40;
const MAX_METADATA_VALUE_CHARS: usize = 500;

/// A change of a video's details. What is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, ToSchema)]
// For the schema: `parse` refuses them.
#[serde(deny_unknown_fields)]
pub struct DetailsChange {
    /// The new title; `Some(None)` removes it.
    #[schema(schema_with = title_schema, required = false)]
    pub title: Option<Option<String>>,
    /// The new metadata, all of it.
    #[schema(schema_with = metadata_schema, required = false)]
    pub metadata: Option<BTreeMap<String, String>>,
}

impl DetailsChange {
    /// Reads a change from its JSON. A field that can't be changed is refused rather than ignored:
    /// whoever sends one expects something to happen.
    pub fn parse(body: &Value) -> Result<Self, Refused> {
        let Some(body) = body.as_object() else {
            return Err(invalid("body", "the body must be a JSON object"));
        };
        if let Some(other) = body
            .keys()
            .find(|name| !["title", "metadata"].contains(&name.as_str()))
        {
            let detail = format!("{other:?} can't be changed; title and metadata can");
            return Err(invalid("body", detail));
        }
        let title = body
            .contains_key("title")
            .then(|| title(body))
            .transpose()?;
        let metadata = body
            .contains_key("metadata")
            .then(|| metadata(body))
            .transpose()?;
        Ok(Self { title, metadata })
    }
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
            "The owner's own key-value pairs, all of them; `null` for none.",
        ))
        .examples([json!({"album": "2026"})])
        .build()
}

pub(super) fn title(body: &Map<String, Value>) -> Result<Option<String>, Refused> {
    let title = string(body, "title")?;
    if title.is_some_and(|title| title.chars().count() > MAX_TITLE_CHARS) {
        return Err(invalid(
            "title",
            format!("title may have up to {MAX_TITLE_CHARS} characters"),
        ));
    }
    // One that shows nothing is none.
    Ok(title
        .map(printable)
        .filter(|title| !title.trim().is_empty()))
}

pub(super) fn metadata(body: &Map<String, Value>) -> Result<BTreeMap<String, String>, Refused> {
    let entries = match body.get("metadata") {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(entries)) if entries.len() <= MAX_METADATA_ENTRIES => entries,
        Some(_) => {
            return Err(invalid(
                "metadata",
                format!("metadata must be an object of up to {MAX_METADATA_ENTRIES} strings"),
            ));
        }
    };
    entries
        .iter()
        .map(|(key, value)| match value {
            Value::String(text)
                if (1..=MAX_METADATA_KEY_CHARS).contains(&key.chars().count())
                    && text.chars().count() <= MAX_METADATA_VALUE_CHARS =>
            {
                Ok((key.clone(), text.clone()))
            }
            _ => Err(invalid(
                "metadata",
                format!(
                    "metadata must map keys of 1 to {MAX_METADATA_KEY_CHARS} characters to strings of up to {MAX_METADATA_VALUE_CHARS}"
                ),
            )),
        })
        .collect()
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
    }

    #[test]
    fn a_wrong_change_names_its_field() {
        for (body, field) in [
            (json!([]), "body"),
            (json!({"status": "ready"}), "body"),
            (json!({"title": 7}), "title"),
            (json!({"title": "x".repeat(201)}), "title"),
            (json!({"metadata": {"a": 1}}), "metadata"),
        ] {
            assert_eq!(
                DetailsChange::parse(&body).unwrap_err().field,
                field,
                "{body}"
            );
        }
    }
}
