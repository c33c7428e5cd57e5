//! How arguments are put together, and what all programs are told of a source.

use std::ffi::OsString;

use super::{DECODERS, DEEP, FIRST_FD, MAX_ALLOCATION, MAX_STREAMS, Output, SourceUrl};
use crate::{
    plan::{COPY_CLOCK_START_US, Plan},
    source::{Container, MAX_PIXELS},
};

/// Arguments under construction.
#[derive(Default)]
pub(super) struct Args(pub(super) Vec<OsString>);

impl Args {
    /// Several arguments that hold no spaces.
    pub(super) fn words(&mut self, words: &str) {
        self.0.extend(words.split_whitespace().map(OsString::from));
    }

    pub(super) fn pair(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.push(name.into());
        self.0.push(value.into());
    }

    /// Reads a stream for nothing but its clock: where it may leap, its start depends on which streams are
    /// read.
    pub(super) fn read_along(&mut self, plan: &Plan, stream: u32) {
        if plan.container.clock_may_leap() {
            self.pair("-map", format!("0:{stream}"));
            self.words("-c copy -f null -");
        }
    }

    /// Enters the source at the keyframe before a time of the video's clock.
    pub(super) fn enter(&mut self, source: SourceUrl<'_>, at_us: u64) {
        self.words("-noaccurate_seek");
        if source.container == Container::Nut {
            // By the clock of the copy, which does not begin where its first frame does.
            self.words("-seek_timestamp 1");
            let at_us = COPY_CLOCK_START_US.saturating_add_unsigned(at_us);
            self.pair("-ss", format!("{at_us}us"));
        } else {
            self.pair("-ss", format!("{at_us}us"));
        }
    }

    pub(super) fn input(&mut self, source: SourceUrl<'_>) {
        if source.reads_deep {
            self.words(DEEP);
        }
        let secure = source.url.starts_with("https:");
        self.pair(
            "-protocol_whitelist",
            if secure { "https,tls,tcp" } else { "http,tcp" },
        );
        // Playlists and picture lists are no containers: they name other files, and a server that
        // follows them reads its own secrets for an attacker.
        self.pair("-format_whitelist", source.container.demuxers());
        self.pair("-codec_whitelist", DECODERS);
        self.pair("-max_alloc", MAX_ALLOCATION.to_string());
        self.pair("-max_streams", MAX_STREAMS);
        self.pair("-max_pixels", MAX_PIXELS.to_string());
        // A connection that drops is resumed where it was; a source must not end early unnoticed.
        self.words("-reconnect 1 -reconnect_on_network_error 1 -reconnect_on_http_error 5xx,429");
        self.words("-reconnect_delay_max 4 -reconnect_max_retries 5 -rw_timeout 10000000");
        // Few, large range requests on one connection.
        self.words("-multiple_requests 1 -request_size 4194304");
        if secure {
            self.words("-tls_verify 1");
            if let Some(ca_file) = source.ca_file {
                self.pair("-ca_file", ca_file);
            }
        }
        self.pair("-i", source.url);
    }

    /// Fragmented MP4 that can be cut while it is written: an empty `moov` first, then fragments
    /// with their absolute decode time, and nothing that depends on the encoder's version.
    pub(super) fn fragmented_mp4(&mut self, fragment_when: &str) {
        self.words(
            "-map_metadata -1 -map_chapters -1 -fflags +bitexact -flags +bitexact+global_header",
        );
        // `cmaf` promises an edit list for the frames' reordering, and with an empty `moov` none is
        // written: the picture would be two frames late. Without the list, the first frame of each
        // fragment is shown at the fragment's own time.
        self.words("-avoid_negative_ts disabled -use_editlist 0 -f mp4");
        self.pair(
            "-movflags",
            format!(
                "+{fragment_when}+empty_moov+default_base_moof+frag_discont+negative_cts_offsets+skip_trailer+cmaf"
            ),
        );
    }

    pub(super) fn pipe(&mut self, outputs: &mut Vec<Output>, output: Output) {
        let fd = FIRST_FD + i32::try_from(outputs.len()).unwrap_or(i32::MAX - FIRST_FD);
        outputs.push(output);
        self.0.push(format!("pipe:{fd}").into());
    }
}
