//! Who carries a plan out: which version of the function, in which attempt at the video.

use super::{AudioPlan, Plan};
use crate::{file::TrackId, ladder::Rendition};

impl Plan {
    /// The same, to be carried out by this version of the function.
    #[must_use]
    pub fn for_function(mut self, version: &str) -> Self {
        self.function = Some(version.into());
        self
    }

    /// Whether this version of the function is the one to carry it out. Another may encode the same plan
    /// differently, and its parts would not be of one piece.
    pub fn is_for(&self, version: &str) -> bool {
        self.function.as_deref().is_none_or(|own| own == version)
    }

    /// The same, for this attempt in this generation (both from 1). All but the first have folders of their
    /// own: viewers may have seen segments of an earlier one, and caches keep them for a year.
    #[must_use]
    pub fn for_attempt(mut self, generation: u32, attempt: u32) -> Self {
        let is_first = generation <= 1 && attempt <= 1;
        self.attempt = (!is_first).then(|| format!("{generation}-{attempt}"));
        self
    }

    /// The same, after this plan was carried out and its source was found to be another than it states.
    #[must_use]
    pub fn instead_of(mut self, earlier: &Self) -> Self {
        let attempt = earlier.attempt.as_deref().unwrap_or("1-1");
        self.attempt = Some(format!("{attempt}-again"));
        self
    }

    /// The track that a rendition becomes.
    pub fn video_track(&self, rendition: &Rendition) -> TrackId {
        TrackId::Video(rendition.name.clone()).of_attempt(self.attempt.as_deref())
    }

    /// The track that an audio stream becomes.
    pub fn audio_track(&self, audio: &AudioPlan) -> TrackId {
        TrackId::Audio(audio.id.clone()).of_attempt(self.attempt.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{SETTINGS, source};

    #[test]
    fn each_attempt_but_the_first_has_folders_of_its_own() {
        let plan = Plan::new(&source(60_000, (25, 1)), SETTINGS);
        let tracks = |plan: &Plan| {
            let (video, audio) = (&plan.renditions[0], &plan.audio[0]);
            let tracks = [plan.video_track(video), plan.audio_track(audio)];
            tracks.map(|track| {
                assert!(["1080p", "main"].contains(&track.name()), "{track}");
                track.to_string()
            })
        };
        let first = plan.clone().for_attempt(1, 1);
        assert_eq!(tracks(&first), ["video/1080p", "audio/main"]);
        assert_eq!(tracks(&plan), tracks(&first));
        let again = plan.clone().instead_of(&first);
        assert_eq!(tracks(&again)[0], "video/1080p_1-1-again");
        let second = plan.clone().for_attempt(1, 2);
        assert_eq!(tracks(&second), ["video/1080p_1-2", "audio/main_1-2"]);
        let revived = plan.for_attempt(3, 1);
        assert_eq!(tracks(&revived)[0], "video/1080p_3-1");
    }

    #[test]
    fn a_plan_is_carried_out_by_the_version_that_made_it() {
        let plan = Plan::new(&source(60_000, (25, 1)), SETTINGS).for_function("films-transcode:7");
        assert!(plan.is_for("films-transcode:7") && !plan.is_for("films-transcode:8"));
        let mut stored = serde_json::to_value(&plan).unwrap();
        let read: Plan = serde_json::from_value(stored.clone()).unwrap();
        assert!(!read.is_for("films-transcode:8"));
        // One that was stored before functions had versions.
        stored.as_object_mut().unwrap().remove("function");
        let earlier: Plan = serde_json::from_value(stored).unwrap();
        assert!(earlier.is_for("films-transcode:8"));
    }
}
