//! The test card: a picture of which every property can be measured afterwards, and its sound.
//!
//! Sixteen cells, four by four, whatever the size. Nine have colours, and lie so that no rotation
//! or mirroring looks like another. Four in the middle are black and flash white. Three count the
//! frames in binary, so that each frame that is lost or doubled shows. The sound is silent but for
//! a beep that begins with the flash.

use std::{
    io::{self, Write},
    path::Path,
};

/// Cells in a row, and rows.
pub const SIDE: usize = 4;

/// What a cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Always this colour: red, green, blue.
    Color([u8; 3]),
    /// White while the flash lasts, else black.
    Flash,
    /// White where this bit of the frame's number is set, else black.
    Bit(u32),
}

/// The card, row by row. Colours at three quarters, as of the usual bars: what is clipped in
/// conversion could not be measured.
pub const CELLS: [Cell; SIDE * SIDE] = [
    Cell::Color([235, 235, 235]),
    Cell::Color([191, 0, 0]),
    Cell::Color([0, 191, 0]),
    Cell::Color([0, 0, 191]),
    Cell::Color([0, 191, 191]),
    Cell::Flash,
    Cell::Flash,
    Cell::Color([191, 0, 191]),
    Cell::Color([191, 191, 0]),
    Cell::Flash,
    Cell::Flash,
    Cell::Color([128, 128, 128]),
    Cell::Bit(0),
    Cell::Bit(1),
    Cell::Bit(2),
    Cell::Color([20, 20, 20]),
];

/// After how many frames the count starts anew.
pub const COUNT: u64 = 8;

/// How long flash and beep last, in seconds.
const FLASH_SECONDS: f64 = 0.2;

/// The beep's pitch.
const BEEP_HERTZ: f64 = 1000.0;

/// A moving card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Frames per second.
    pub rate: (u32, u32),
    /// How many frames it has.
    pub frames: u64,
    /// The first frame of the flash.
    pub flash: u64,
    /// Whether each two frames are to become the fields of one. The number then moves on with the
    /// second, so that a frame of which both are seen at once can't be read.
    pub is_in_fields: bool,
}

impl Card {
    /// When a frame is shown, in seconds.
    pub fn time_of(&self, frame: u64) -> f64 {
        frame as f64 * f64::from(self.rate.1) / f64::from(self.rate.0)
    }

    fn is_flashing(&self, frame: u64) -> bool {
        frame >= self.flash && self.time_of(frame) - self.time_of(self.flash) < FLASH_SECONDS
    }

    fn color(&self, cell: Cell, frame: u64) -> [u8; 3] {
        let white_if = |is_white| [if is_white { 255 } else { 0 }; 3];
        match cell {
            Cell::Color(color) => color,
            Cell::Flash => white_if(frame == self.flash || self.is_flashing(frame)),
            Cell::Bit(bit) if self.is_in_fields => white_if(frame.div_ceil(2) >> bit & 1 == 1),
            Cell::Bit(bit) => white_if(frame >> bit & 1 == 1),
        }
    }

    /// Writes all frames as raw RGB of 24 bits.
    pub fn draw(&self, mut to: impl Write) -> io::Result<()> {
        for frame in 0..self.frames {
            let mut picture = Vec::with_capacity(self.width * self.height * 3);
            for row in 0..SIDE {
                let mut line = Vec::with_capacity(self.width * 3);
                for x in 0..self.width {
                    let cell = CELLS[row * SIDE + x * SIDE / self.width];
                    line.extend(self.color(cell, frame));
                }
                // The rows of pixels that fall into this row of cells.
                let first = (row * self.height).div_ceil(SIDE);
                let end = ((row + 1) * self.height).div_ceil(SIDE);
                picture.extend(line.repeat(end - first));
            }
            to.write_all(&picture)?;
        }
        Ok(())
    }
}

/// The card's sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beep {
    /// Samples per second.
    pub rate: u32,
    /// How many channels, all of which beep.
    pub channels: u16,
    /// When the beep begins, in seconds.
    pub at: f64,
    /// How long the sound lasts, in seconds.
    pub seconds: f64,
}

impl Beep {
    /// Writes it as a WAV file of 16 bits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some seconds of samples, and none is louder than half of what fits"
    )]
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let samples = (self.seconds * f64::from(self.rate)).round() as usize;
        let block = usize::from(self.channels) * 2;
        let mut data = Vec::with_capacity(samples * block);
        for n in 0..samples {
            let since = n as f64 / f64::from(self.rate) - self.at;
            let loud = (0.0..FLASH_SECONDS).contains(&since);
            // A cosine begins loud, so that the first sample is the onset.
            let wave = (since * BEEP_HERTZ * std::f64::consts::TAU).cos();
            let sample = if loud { wave * 16_000.0 } else { 0.0 };
            for _ in 0..self.channels {
                data.extend((sample as i16).to_le_bytes());
            }
        }
        let size = |bytes: usize| u32::try_from(bytes).map_err(io::Error::other);
        let mut file = Vec::with_capacity(data.len() + 44);
        file.extend(b"RIFF");
        file.extend((size(data.len())? + 36).to_le_bytes());
        file.extend(b"WAVEfmt ");
        file.extend(16_u32.to_le_bytes());
        file.extend(1_u16.to_le_bytes());
        file.extend(self.channels.to_le_bytes());
        file.extend(self.rate.to_le_bytes());
        file.extend((self.rate * size(block)?).to_le_bytes());
        file.extend((self.channels * 2).to_le_bytes());
        file.extend(16_u16.to_le_bytes());
        file.extend(b"data");
        file.extend(size(data.len())?.to_le_bytes());
        file.extend(data);
        std::fs::write(path, file)
    }
}
