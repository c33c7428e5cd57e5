//! What comes out of ffmpeg's pipes, in pieces of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelrun_media::{
    codecs::read_init,
    segmenter::{audio::AudioSegmenter, video::VideoSegmenter},
    timeline::{FrameRate, Grid},
};

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let _ = read_init(bytes);
    let Some(rate) = FrameRate::new(25, 1) else {
        return;
    };
    let grid = Grid::new(rate);
    // However the pipe cuts the stream, the segments are the same.
    let mut whole = VideoSegmenter::new(grid, 0);
    let at_once = whole.push(bytes).is_ok();
    let mut pieces = VideoSegmenter::new(grid, 0);
    let in_pieces = bytes
        .chunks(usize::from(piece).max(1))
        .all(|piece| pieces.push(piece).is_ok());
    assert_eq!(at_once, in_pieces);
    if at_once {
        assert_eq!(whole.ticks(), pieces.ticks());
        assert_eq!(whole.finish().is_ok(), pieces.finish().is_ok());
    }
    let mut audio = AudioSegmenter::new(grid, 48_000, 0);
    for piece in bytes.chunks(usize::from(piece).max(1)) {
        if audio.push(piece, 1).is_err() {
            return;
        }
    }
    let _ = audio.finish(grid.segment_ticks());
});
