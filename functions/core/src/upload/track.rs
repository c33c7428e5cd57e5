//! What is asked for when a text track is added or changed.

use reelrun_captions::{LanguageTag, MAX_BYTES};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{
        Object,
        schema::{SchemaType, Type},
    },
};

use super::{Refused, filename, invalid, read, required, size_bytes};
use crate::{
    text::printable,
    video::track::{MAX_NAME_CHARS, TextTrack, TextTrackId, TextTrackKind, TextTrackStatus},
};

/// A request to add a text track, as a client sends it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TrackRequest)]
pub struct TrackBody {
    /// What it is for.
    #[schema(value_type = TextTrackKind, required)]
    kind: Option<TextTrackKind>,
    /// The language of its text: a BCP 47 tag.
    #[schema(value_type = String, required, examples("de"))]
    language: Option<String>,
    /// What players call it. Without one, it is called by its language.
    #[serde(default, deserialize_with = "name")]
    #[schema(schema_with = name_schema, required = false)]
    name: Option<String>,
    /// Whether players show it unless the viewer wants another. If several are, the last one wins.
    #[serde(default)]
    default: bool,
    /// Whether players show it even to viewers who want no subtitles: what is said in another language than
    /// the film's. For subtitles only.
    #[serde(default)]
    forced: bool,
    /// The file's name on its owner's disk, in 1 to 255 bytes of UTF-8. What the file is, its content says:
    /// WebVTT or SubRip.
    #[schema(value_type = String, required, min_length = 1, max_length = 255, examples("untertitel.srt"))]
    filename: Option<String>,
    /// Its exact size in bytes, which the upload must then have.
    #[schema(value_type = u64, required, minimum = 1, maximum = 10_485_760, examples(48_213))]
    size_bytes: Option<u64>,
}

impl TrackBody {
    /// Reads a request from its JSON: the track that it asks for.
    pub fn parse(body: &Value, id: TextTrackId) -> Result<TextTrack, Refused> {
        let body: Self = read(body).map_err(of_a_field)?;
        let kind = required("kind", body.kind, "subtitles, captions or chapters")?;
        let language = required(
            "language",
            body.language,
            "the language of its text, as a BCP 47 tag: de, pt-BR",
        )?;
        let filename = filename(body.filename, "untertitel.srt")?;
        let size_bytes = size_bytes(body.size_bytes, MAX_BYTES as u64)?;
        check_forced(kind, body.forced)?;
        Ok(TextTrack {
            id,
            kind,
            language: tag(&language)?,
            name: body.name,
            is_default: body.default,
            is_forced: body.forced,
            filename,
            size_bytes,
            embedded: None,
            status: TextTrackStatus::Waiting,
            published_bytes: 0,
            error: None,
        })
    }
}

/// A change of a text track. What is absent stays as it is. Another file is another track.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(description = "A change of a track. What is absent stays as it is.")]
pub struct TrackChange {
    /// The language of its text: a BCP 47 tag.
    #[serde(default, deserialize_with = "some")]
    #[schema(nullable = false, examples("de"))]
    language: Option<String>,
    /// What players call it; `Some(None)` removes it.
    #[serde(default, deserialize_with = "new_name")]
    #[schema(schema_with = name_schema, required = false)]
    #[expect(clippy::option_option, reason = "absent, null and a name are three")]
    name: Option<Option<String>>,
    /// Whether players show it unless the viewer wants another. If so, no other track of the same
    /// menu is any more.
    #[serde(default, deserialize_with = "some")]
    #[schema(nullable = false)]
    default: Option<bool>,
    /// Whether players show it even to viewers who want no subtitles.
    #[serde(default, deserialize_with = "some")]
    #[schema(nullable = false)]
    forced: Option<bool>,
}

impl TrackChange {
    /// Reads a change from its JSON.
    pub fn parse(body: &Value) -> Result<Self, Refused> {
        let change: Self = read(body).map_err(of_a_field)?;
        let language = change.language.as_deref().map(tag).transpose()?;
        Ok(Self { language, ..change })
    }

    /// Makes it of a track.
    pub fn apply(&self, track: &mut TextTrack) -> Result<(), Refused> {
        check_forced(track.kind, self.forced.unwrap_or(track.is_forced))?;
        if let Some(language) = &self.language {
            track.language.clone_from(language);
        }
        if let Some(name) = &self.name {
            track.name.clone_from(name);
        }
        track.is_default = self.default.unwrap_or(track.is_default);
        track.is_forced = self.forced.unwrap_or(track.is_forced);
        Ok(())
    }
}

fn check_forced(kind: TextTrackKind, is_forced: bool) -> Result<(), Refused> {
    if is_forced && kind != TextTrackKind::Subtitles {
        return Err(invalid("forced", "forced: only subtitles can be forced"));
    }
    Ok(())
}

fn tag(language: &str) -> Result<String, Refused> {
    let tag = LanguageTag::parse(language);
    tag.map(|tag| tag.as_str().into())
        .map_err(|why| invalid("language", format!("language: {why}")))
}

/// What is unknown is no field of ours.
fn of_a_field(why: Refused) -> Refused {
    const FIELDS: [&str; 7] = [
        "kind",
        "language",
        "name",
        "default",
        "forced",
        "filename",
        "size_bytes",
    ];
    if FIELDS.contains(&&*why.field) {
        return why;
    }
    Refused {
        field: "body".into(),
        ..why
    }
}

fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

/// Reads a name; `null`, and one that shows nothing, is none.
fn name<'de, D: Deserializer<'de>>(field: D) -> Result<Option<String>, D::Error> {
    let name = Option::<String>::deserialize(field)?.unwrap_or_default();
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(serde::de::Error::custom(format!(
            "a name may have up to {MAX_NAME_CHARS} characters"
        )));
    }
    Ok(Some(printable(&name)).filter(|name| !name.trim().is_empty()))
}

#[expect(clippy::option_option, reason = "absent, null and a name are three")]
fn new_name<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<String>>, D::Error> {
    name(field).map(Some)
}

fn name_schema() -> Object {
    Object::builder()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .max_length(Some(MAX_NAME_CHARS))
        .description(Some(
            "What players call it; `null` to have it called by its language.",
        ))
        .examples(["Deutsch"])
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id() -> TextTrackId {
        "01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f".parse().unwrap()
    }

    fn good() -> Value {
        json!({"kind": "subtitles", "language": "PT-br", "name": "A\u{202e}\nB", "default": true,
               "filename": "a.srt", "size_bytes": 100})
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = good();
        body[field] = value;
        body
    }

    #[test]
    fn a_whole_request_is_read() {
        let track = TrackBody::parse(&good(), id()).unwrap();
        assert_eq!(
            (&*track.language, track.name.as_deref()),
            ("pt-BR", Some("AB"))
        );
        assert!(track.is_default && !track.is_forced);
        assert_eq!(track.status, TextTrackStatus::Waiting);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (body, field) in [
            (json!([]), "body"),
            (with("kind", json!("lyrics")), "kind"),
            (with("kind", Value::Null), "kind"),
            (with("language", json!("German")), "language"),
            (with("language", json!("de\" onload=")), "language"),
            (with("name", json!("x".repeat(101))), "name"),
            (with("default", json!("yes")), "default"),
            (with("filename", json!("")), "filename"),
            (with("size_bytes", json!(0)), "size_bytes"),
            (with("size_bytes", json!(10_485_761)), "size_bytes"),
            (with("colour", json!("red")), "body"),
        ] {
            let why = TrackBody::parse(&body, id()).unwrap_err();
            assert_eq!(why.field, field, "{body}: {why}");
        }
        let mut captions = with("kind", json!("captions"));
        captions["forced"] = json!(true);
        let why = TrackBody::parse(&captions, id()).unwrap_err();
        assert_eq!(why.field, "forced");
    }

    #[test]
    fn a_change_leaves_the_rest() {
        let mut track = TrackBody::parse(&good(), id()).unwrap();
        let before = track.clone();
        let change = |body| TrackChange::parse(&body).unwrap();
        change(json!({})).apply(&mut track).unwrap();
        assert_eq!(track, before);
        let new = json!({"language": "DE", "name": null, "default": false, "forced": true});
        change(new).apply(&mut track).unwrap();
        assert_eq!((&*track.language, &track.name), ("de", &None));
        assert!(!track.is_default && track.is_forced);
        track.kind = TextTrackKind::Chapters;
        let why = change(json!({"forced": true})).apply(&mut track);
        assert_eq!(why.unwrap_err().field, "forced");
        for (body, field) in [
            (json!({"language": null}), "language"),
            (json!({"language": "?"}), "language"),
            (json!({"kind": "captions"}), "kind"),
            (json!({"default": null}), "default"),
        ] {
            assert_eq!(
                TrackChange::parse(&body).unwrap_err().field,
                field,
                "{body}"
            );
        }
    }
}
