//! RFC 6381 codec strings, read from the initialization segment that players will get.

use mp4_atom::{Atom, Codec, DecodeMaybe, Moov};

/// What an initialization segment says of its one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitInfo {
    /// RFC 6381: `avc1.640028`, `av01.0.08M.08`, `mp4a.40.2`.
    pub codecs: String,
    /// Channels of an audio track.
    pub channels: Option<u16>,
    /// Ticks per second.
    pub timescale: u32,
}

/// An initialization segment that can't be announced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownInit {
    /// The boxes don't parse.
    #[error("the initialization segment can't be read: {0}")]
    Malformed(String),
    /// Not one track in a codec that we make.
    #[error("the initialization segment has no track in a known codec")]
    NoKnownCodec,
}

/// Reads an initialization segment.
pub fn read_init(init: &[u8]) -> Result<InitInfo, UnknownInit> {
    let malformed = |why: mp4_atom::Error| UnknownInit::Malformed(why.to_string());
    let mut rest = init;
    loop {
        match mp4_atom::Any::decode_maybe(&mut rest).map_err(malformed)? {
            Some(mp4_atom::Any::Moov(moov)) => return read_moov(&moov),
            Some(_) => {}
            None => {
                return Err(UnknownInit::Malformed(format!(
                    "there is no {}",
                    Moov::KIND
                )));
            }
        }
    }
}

fn read_moov(moov: &Moov) -> Result<InitInfo, UnknownInit> {
    let track = moov.trak.first().ok_or(UnknownInit::NoKnownCodec)?;
    let codec = track.mdia.minf.stbl.stsd.codecs.first();
    let (codecs, channels) = match codec {
        Some(Codec::Avc1(avc1)) => {
            let avcc = &avc1.avcc;
            let codecs = format!(
                "avc1.{:02x}{:02x}{:02x}",
                avcc.avc_profile_indication, avcc.profile_compatibility, avcc.avc_level_indication
            );
            (codecs, None)
        }
        // The AV1 binding for ISOBMFF, section 5: profile, level and tier, bit depth.
        Some(Codec::Av01(av01)) => {
            let av1c = &av01.av1c;
            let codecs = format!(
                "av01.{}.{:02}{}.{:02}",
                av1c.seq_profile,
                av1c.seq_level_idx_0,
                if av1c.seq_tier_0 { 'H' } else { 'M' },
                match (av1c.high_bitdepth, av1c.twelve_bit) {
                    (false, _) => 8,
                    (true, false) => 10,
                    (true, true) => 12,
                }
            );
            (codecs, None)
        }
        Some(Codec::Mp4a(mp4a)) => {
            let config = &mp4a.esds.es_desc.dec_config;
            let object_type = config
                .dec_specific
                .as_ref()
                .map_or(2, |specific| specific.profile);
            let codecs = format!("mp4a.{:x}.{object_type}", config.object_type_indication);
            (codecs, Some(mp4a.audio.channel_count))
        }
        _ => return Err(UnknownInit::NoKnownCodec),
    };
    Ok(InitInfo {
        codecs,
        channels,
        timescale: track.mdia.mdhd.timescale,
    })
}
