//! The stack that is tried, as its users see it, and which checks an emulator in its place can't satisfy.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::place::Place;
use super::report::Miss;
use super::wire::{Answer, Wire, shown};
use crate::api::Api;
use crate::emulator_kind::EmulatorKind;
use crate::project::Project;
use crate::state::StackState;

/// A stack, its API and its CDN.
pub(super) struct Target<'a> {
    pub(super) stack: &'a StackState,
    pub(super) api: &'a Api,
    pub(super) wire: Wire,
    /// Videos that were made, and are not yet deleted.
    made: RefCell<Vec<String>>,
}

impl<'a> Target<'a> {
    pub(super) fn new(stack: &'a StackState, api: &'a Api) -> Self {
        Self {
            stack,
            api,
            wire: Wire::new(stack.local.is_some()),
            made: RefCell::default(),
        }
    }

    /// A page's origin other than the stack's own.
    pub(super) fn foreign_origin(&self) -> &'static str {
        if self.stack.local.is_some() {
            // A local stack refuses pages of other machines.
            "http://localhost:3000"
        } else {
            "https://player.example"
        }
    }

    /// A call of the API. An answer of 500 and above is the function's fault, whatever was asked.
    pub(super) fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&str>,
    ) -> Result<Answer, Miss> {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = Vec::new();
        headers.extend(
            authorization
                .as_deref()
                .map(|value| ("authorization", value)),
        );
        headers.extend(body.map(|_| ("content-type", "application/json")));
        let place = place_of(path);
        let url = format!("{}{path}", self.stack.api_url);
        let what = format!("an answer to {method} {path}");
        let answer = self
            .wire
            .send(method, &url, &headers, body.map(str::as_bytes));
        let answer = answer.map_err(|why| Miss::fault(&what, why, place))?;
        if answer.status >= 500 {
            return Err(Miss::fault(what, answer.words(), place));
        }
        Ok(answer)
    }

    /// A management call.
    pub(super) fn manage(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Miss> {
        let body = body.map(Value::to_string);
        self.call(method, path, Some(self.api.token()), body.as_deref())
    }

    /// Asks for the permission to upload, and notes the video.
    pub(super) fn permission(&self, name: &str, size: u64) -> Result<Value, Miss> {
        let body = json!({
            "filename": name, "content_type": "video/mp4", "size_bytes": size,
            // Whatever the stack's default is.
            "visibility": "public",
        });
        let answer = self.manage("POST", "/uploads", Some(&body))?;
        let granted = answer.json();
        let id = granted["video_id"].as_str().unwrap_or_default();
        if answer.status != 201 || id.is_empty() {
            let expected = format!("201 and a permission for {size} bytes");
            return Err(Miss::fault(expected, answer.words(), Place::Presign));
        }
        self.note(id);
        Ok(granted)
    }

    /// Notes a video that was made, so that it is deleted in the end.
    pub(super) fn note(&self, id: &str) {
        let mut made = self.made.borrow_mut();
        if !made.iter().any(|known| known == id) {
            made.push(id.to_owned());
        }
    }

    pub(super) fn made(&self) -> Vec<String> {
        self.made.borrow().clone()
    }

    /// Deletes a video; whether it is gone.
    pub(super) fn delete(&self, id: &str) -> Result<(), Miss> {
        let answer = self.manage("DELETE", &format!("/videos/{id}"), None)?;
        if ![204, 404].contains(&answer.status) {
            return Err(Miss::fault("204", answer.words(), Place::Lookup));
        }
        self.made.borrow_mut().retain(|known| known != id);
        Ok(())
    }

    /// Reads a file through the CDN, as a page of another site does.
    pub(super) fn served(&self, url: &str) -> Result<Answer, Miss> {
        let origin = [("origin", self.foreign_origin())];
        let answer = self.wire.send("GET", url, &origin, None);
        let what = || format!("200 for {}", shown(url));
        let answer = answer.map_err(|why| Miss::fault(what(), why, Place::Distribution))?;
        match answer.status {
            200 => Ok(answer),
            401..=404 => Err(Miss::fault(what(), answer.words(), bucket_of(url))),
            _ => Err(Miss::fault(what(), answer.words(), Place::Distribution)),
        }
    }

    /// A fault, unless it is one of this emulator, whatever the template says.
    pub(super) fn excused(&self, missing: Missing, miss: Miss) -> Miss {
        match (self.stack.emulator(), miss) {
            (Some(emulator), Miss::Fault(fault)) if missing.is_missing_from(emulator) => {
                Miss::NotChecked(format!("{} ({})", missing.words(emulator), fault.came))
            }
            (_, miss) => miss,
        }
    }
}

/// Deletes what was made, unless that was done already.
pub(super) struct Leftovers<'a> {
    pub(super) project: &'a Project,
    pub(super) target: &'a Target<'a>,
}

impl Drop for Leftovers<'_> {
    fn drop(&mut self) {
        let made = self.target.made();
        let left: Vec<_> = made
            .into_iter()
            .filter(|id| self.target.delete(id).is_err())
            .collect();
        if !left.is_empty() {
            self.project.say.line(&format!(
                "These videos could not be deleted; delete them by hand (DELETE /videos/<id>): {}",
                left.join(", ")
            ));
        }
    }
}

/// What an emulator may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Whoever has a URL can send anything there.
    Signatures,
    /// Whoever asks may read and write.
    Policies,
}

impl Missing {
    fn is_missing_from(self, emulator: EmulatorKind) -> bool {
        match self {
            Self::Signatures | Self::Policies => emulator == EmulatorKind::LocalStack,
        }
    }

    fn words(self, emulator: EmulatorKind) -> String {
        let emulator = emulator.name();
        match self {
            Self::Signatures => format!("{emulator} checks no signatures"),
            Self::Policies => format!("{emulator} enforces no policies"),
        }
    }
}

/// The function that answers a path.
fn place_of(path: &str) -> Place {
    if path.starts_with("/uploads") || path == "/limits" {
        Place::Presign
    } else {
        Place::Lookup
    }
}

/// What lets the CDN read a URL's file.
pub(super) fn bucket_of(url: &str) -> Place {
    if url.contains("/uploads/") {
        Place::UploadsPolicy
    } else {
        Place::MediaPolicy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smoke::tests::stack;
    use crate::state::LocalState;

    fn excused(emulator: Option<EmulatorKind>) -> Miss {
        let mut stack = stack();
        stack.local = emulator.map(|emulator| LocalState {
            aws_access_key_id: String::new(),
            aws_secret_access_key: String::new(),
            emulator_secret: String::new(),
            emulator,
            pid: 0,
            instance: String::new(),
            ffmpeg_dir: "bin".into(),
            log: "log".into(),
        });
        stack.api_token = Some("token".into());
        let api = Api::of(&stack).expect("a token");
        let target = Target::new(&stack, &api);
        let fault = Miss::fault("403", "200", Place::SignedUploads);
        target.excused(Missing::Signatures, fault)
    }

    #[test]
    fn only_what_an_emulator_lacks_is_excused() {
        assert!(matches!(excused(None), Miss::Fault(_)));
        assert!(matches!(
            excused(Some(EmulatorKind::MiniStack)),
            Miss::Fault(_)
        ));
        let Miss::NotChecked(why) = excused(Some(EmulatorKind::LocalStack)) else {
            panic!("excused");
        };
        assert_eq!(why, "LocalStack checks no signatures (200)");
    }

    #[test]
    fn the_function_is_known_by_the_path() {
        assert_eq!(place_of("/uploads/x/sign"), Place::Presign);
        assert_eq!(place_of("/videos/x"), Place::Lookup);
        assert_eq!(
            bucket_of("https://c/uploads/x/source"),
            Place::UploadsPolicy
        );
        assert_eq!(
            bucket_of("https://c/videos/x/master.m3u8"),
            Place::MediaPolicy
        );
    }
}
