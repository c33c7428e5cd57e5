//! A row of the matrix: how a file is made, and how its video ends.

use std::ops::RangeInclusive;

use reelrun_tests::card::{Beep, Card};

/// H.264 as quickly as it can be had.
pub(crate) const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";

/// The most that a colour may be off, where a row does not say otherwise. (ΔE of 1976: 2.3 is just
/// noticeable side by side. Eight bits and two lossy encodes take up to 3 on saturated colours.)
const DELTA_E: f64 = 4.0;

/// Sound and picture may be this far apart, in seconds.
const SYNC: f64 = 0.020;

/// One file and its end.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What is said of it.
    pub(crate) name: &'static str,
    /// The name under which it is uploaded.
    pub(crate) file: String,
    /// What is seen.
    pub(crate) card: Card,
    /// What is heard.
    pub(crate) beep: Option<Beep>,
    /// By how many seconds the picture starts after the file.
    pub(crate) picture_late: f64,
    /// By how many seconds the sound starts after the file.
    pub(crate) sound_late: f64,
    /// How the file is made, from the card on.
    pub(crate) steps: Vec<Step>,
    /// How the video ends.
    pub(crate) end: End,
}

/// One step on the way from the card to the file.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// ffmpeg with the picture as its input 0 and the sound, if any, as 1. The extension of what
    /// comes out, and ffmpeg's arguments.
    Encode(&'static str, String),
    /// ffmpeg with arguments in which `{}` is what the step before made.
    Remake(&'static str, String),
    /// Several runs of the same, one after the other in one file: recordings that were joined.
    Join(&'static str, Vec<String>),
    /// Other bytes.
    Edit(fn(Vec<u8>) -> Vec<u8>),
    /// These bytes, whatever was before.
    Bytes(Vec<u8>),
}

/// How a video ends.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one for each row")]
pub(crate) enum End {
    /// It plays.
    Ready(Ready),
    /// It is refused with this type, and a word of the detail.
    Errored(&'static str, &'static str),
}

/// What is published.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// How many frames.
    pub(crate) frames: RangeInclusive<u64>,
    /// How many there are in a second.
    pub(crate) rate: (u32, u32),
    /// The size of the largest rendition.
    pub(crate) size: (u64, u64),
    /// How far the colours may be off; none where the picture is too small to tell.
    pub(crate) delta_e: Option<f64>,
    /// The frame on which the flash begins.
    pub(crate) flash: Option<RangeInclusive<u64>>,
    /// By how many frames of the card each published one moves on, and how many times it does not.
    pub(crate) step: Option<(u64, usize)>,
    /// When the beep is heard, in seconds after the flash, and how exactly.
    pub(crate) beep: Option<(f64, f64)>,
    /// Whether there is sound.
    pub(crate) has_audio: bool,
    /// The picture's codec, as the API names it.
    pub(crate) codec: Option<&'static str>,
    /// The sound's codec, as the API names it.
    pub(crate) audio_codec: Option<&'static str>,
    /// The names of the renditions, if everything of the published video is to be checked.
    pub(crate) renditions: Option<&'static [&'static str]>,
    /// How long the source is, by the API: both of its streams. None: as long as what is published.
    pub(crate) source_seconds: Option<f64>,
    /// From a frame on, the card has only so many pixels, in the middle; around it is black.
    pub(crate) later: Option<(u64, (u64, u64))>,
    /// In which ear the sound is, if it is in one.
    pub(crate) ear: Option<Ear>,
    /// What the API says is left out: the kind of a stream, its codec, and the reason.
    pub(crate) not_used: Vec<[&'static str; 3]>,
}

/// An ear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ear {
    Left,
    Right,
}

impl Ready {
    /// The sound's first samples, with which its encoder tuned in, are before the picture in files
    /// that have no word for that: the first frame is shown for as long, which is under a frame.
    pub(crate) fn is_led_in(&mut self) {
        self.frames = a_frame_later(&self.frames);
        self.flash = self.flash.as_ref().map(a_frame_later);
        self.step = self.step.map(|(step, others)| (step, others + 1));
    }
}

fn a_frame_later(range: &RangeInclusive<u64>) -> RangeInclusive<u64> {
    range.start() + 1..=range.end() + 1
}

impl Case {
    /// Two seconds of the card with its beep, encoded by ffmpeg with these output arguments. The
    /// file's name is the case's, but for an extension.
    pub(crate) fn new(name: &'static str, extension: &'static str, args: &str) -> Self {
        let card = Card {
            width: 320,
            height: 180,
            rate: (25, 1),
            frames: 50,
            flash: 25,
            is_in_fields: false,
        };
        let mut case = Self {
            name,
            file: format!("{name}.{extension}"),
            card,
            beep: None,
            picture_late: 0.0,
            sound_late: 0.0,
            steps: vec![Step::Encode(extension, args.into())],
            end: End::Errored("", ""),
        };
        case.beep = Some(case.beeps());
        case.ready(|_| ())
    }

    /// No card at all, but these bytes.
    pub(crate) fn bytes(name: &'static str, extension: &'static str, bytes: &[u8]) -> Self {
        Self {
            steps: vec![Step::Bytes(bytes.into())],
            ..Self::new(name, extension, "")
        }
    }

    fn beeps(&self) -> Beep {
        Beep {
            rate: 48_000,
            channels: 2,
            at: self.card.time_of(self.card.flash) + self.picture_late - self.sound_late,
            seconds: self.card.time_of(self.card.frames) - self.sound_late,
        }
    }

    /// Another card; the beep goes with its flash.
    pub(crate) fn card(mut self, change: impl FnOnce(&mut Card)) -> Self {
        change(&mut self.card);
        self.settle()
    }

    /// A card of another size.
    pub(crate) fn size(self, width: usize, height: usize) -> Self {
        self.card(|card| (card.width, card.height) = (width, height))
    }

    /// A card of another rate and length; it flashes half-way.
    pub(crate) fn rate(self, rate: (u32, u32), frames: u64) -> Self {
        self.card(|card| {
            card.rate = rate;
            card.frames = frames;
            card.flash = frames / 2;
        })
    }

    /// A card of which each two frames become the fields of one.
    pub(crate) fn in_fields(self) -> Self {
        self.rate((50, 1), 100)
            .card(|card| card.is_in_fields = true)
    }

    /// Picture and sound start after the file does, by as many seconds.
    pub(crate) fn late(mut self, picture: f64, sound: f64) -> Self {
        (self.picture_late, self.sound_late) = (picture, sound);
        self.settle()
    }

    /// What follows from the card.
    fn settle(mut self) -> Self {
        let beep = self.beeps();
        self.beep = self.beep.map(|old| Beep {
            at: beep.at,
            seconds: beep.seconds,
            ..old
        });
        self.ready(|_| ())
    }

    /// Another sound.
    pub(crate) fn beep(mut self, change: impl FnOnce(&mut Beep)) -> Self {
        self.beep.iter_mut().for_each(change_once(change));
        self.ready(|_| ())
    }

    /// No sound.
    pub(crate) fn silent(mut self) -> Self {
        self.beep = None;
        self.ready(|_| ())
    }

    /// A further run of ffmpeg, with `{}` for what there is so far.
    pub(crate) fn then(mut self, extension: &'static str, args: &str) -> Self {
        self.steps.push(Step::Remake(extension, args.into()));
        self
    }

    /// Further runs of ffmpeg, with `{}` for what there is so far; their files become one.
    pub(crate) fn join(mut self, extension: &'static str, parts: &[String]) -> Self {
        self.steps.push(Step::Join(extension, parts.to_vec()));
        self
    }

    /// Other bytes.
    pub(crate) fn edit(mut self, edit: fn(Vec<u8>) -> Vec<u8>) -> Self {
        self.steps.push(Step::Edit(edit));
        self
    }

    /// Another name.
    pub(crate) fn named(mut self, file: impl Into<String>) -> Self {
        self.file = file.into();
        self
    }

    /// It plays, as the card says but for these changes. The last to be said of a case.
    pub(crate) fn ready(mut self, change: impl FnOnce(&mut Ready)) -> Self {
        let card = self.card;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few frames"
        )]
        let led_in =
            (self.picture_late * f64::from(card.rate.0) / f64::from(card.rate.1)).round() as u64;
        let fields = if card.is_in_fields { 2 } else { 1 };
        let frames = card.frames / u64::from(fields) + led_in;
        let flash = card.flash / u64::from(fields) + led_in;
        let mut ready = Ready {
            frames: frames..=frames,
            rate: (card.rate.0 / fields, card.rate.1),
            size: (card.width as u64, card.height as u64),
            delta_e: Some(DELTA_E),
            flash: Some(flash..=flash),
            // The first frame is shown once more for each that it is late.
            step: Some((1, usize::try_from(led_in).unwrap_or(0))),
            beep: self.beep.map(|_| (0.0, SYNC)),
            has_audio: self.beep.is_some(),
            codec: None,
            audio_codec: None,
            renditions: None,
            source_seconds: None,
            later: None,
            ear: None,
            not_used: Vec::new(),
        };
        change(&mut ready);
        self.end = End::Ready(ready);
        self
    }

    /// It is refused.
    pub(crate) fn errored(mut self, kind: &'static str, word: &'static str) -> Self {
        self.end = End::Errored(kind, word);
        self
    }
}

/// For the one sound that there may be.
fn change_once<T>(change: impl FnOnce(&mut T)) -> impl FnMut(&mut T) {
    let mut change = Some(change);
    move |value| {
        if let Some(change) = change.take() {
            change(value);
        }
    }
}
