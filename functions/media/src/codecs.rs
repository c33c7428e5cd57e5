//! RFC 6381 codec strings, read from the initialization segment that players will get.

use mp4_atom::{Atom, Av1c, Avcc, Decode, Esds, Mdhd};

use crate::boxes::{body, boxes, find};

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

/// How long the fields of a picture's and a sound's sample entry are, before the boxes in it
/// (ISO/IEC 14496-12, 12.1.3 and 12.2.3).
const VISUAL_FIELDS: usize = 78;
const AUDIO_FIELDS: usize = 28;

/// Where a sound's sample entry counts its channels.
const CHANNELS: std::ops::Range<usize> = 16..18;

/// Reads an initialization segment.
pub fn read_init(init: &[u8]) -> Result<InitInfo, UnknownInit> {
    let media = body(found(init, &[b"moov", b"trak", b"mdia"])?);
    let timescale = read::<Mdhd>(media)?.timescale;
    let descriptions = body(found(media, &[b"minf", b"stbl", b"stsd"])?);
    // Version and flags, and how many entries there are.
    let entry = boxes(descriptions.get(8..).unwrap_or_default()).next();
    let (kind, entry) = entry.ok_or(UnknownInit::NoKnownCodec)?;
    let fields = body(entry);
    let after = |length| fields.get(length..).unwrap_or_default();
    let (codecs, channels) = match &kind {
        b"avc1" => {
            let avcc = read::<Avcc>(after(VISUAL_FIELDS))?;
            let codecs = format!(
                "avc1.{:02x}{:02x}{:02x}",
                avcc.avc_profile_indication, avcc.profile_compatibility, avcc.avc_level_indication
            );
            (codecs, None)
        }
        // The AV1 binding for ISOBMFF, section 5: profile, level and tier, bit depth.
        b"av01" => {
            let av1c = read::<Av1c>(after(VISUAL_FIELDS))?;
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
        b"mp4a" => {
            let config = read::<Esds>(after(AUDIO_FIELDS))?.es_desc.dec_config;
            let object_type = config
                .dec_specific
                .as_ref()
                .map_or(2, |specific| specific.profile);
            let channels = fields.get(CHANNELS).and_then(<[u8]>::first_chunk);
            let codecs = format!("mp4a.{:x}.{object_type}", config.object_type_indication);
            (codecs, channels.copied().map(u16::from_be_bytes))
        }
        _ => return Err(UnknownInit::NoKnownCodec),
    };
    Ok(InitInfo {
        codecs,
        channels,
        timescale,
    })
}

fn found<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Result<&'a [u8], UnknownInit> {
    find(bytes, path).ok_or_else(|| {
        let path: Vec<_> = path
            .iter()
            .map(|kind| String::from_utf8_lossy(*kind))
            .collect();
        UnknownInit::Malformed(format!("there is no {}", path.join("/")))
    })
}

/// The first box of a type, here.
fn read<T: Atom>(bytes: &[u8]) -> Result<T, UnknownInit> {
    let kind: [u8; 4] = T::KIND.into();
    let mut whole = found(bytes, &[&kind])?;
    T::decode(&mut whole).map_err(|why| UnknownInit::Malformed(why.to_string()))
}

#[cfg(test)]
mod tests {
    use mp4_atom::Encode;

    use super::*;

    fn mp4_box(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes(), &kind[..], body].concat()
    }

    /// An initialization segment with this sample entry.
    fn init(kind: [u8; 4], entry: &[u8]) -> Vec<u8> {
        let mut media = Vec::new();
        let header = Mdhd {
            timescale: 25_000,
            ..Mdhd::default()
        };
        header.encode(&mut media).unwrap();
        let entry = mp4_box(kind, entry);
        let stsd = mp4_box(*b"stsd", &[b"\0\0\0\0\0\0\0\x01", &entry[..]].concat());
        // A table that claims more entries than there is memory; nobody asks for it.
        let table = mp4_box(*b"sgpd", b"\0\0\0\0what\xff\xff\xff\xff");
        media.extend(mp4_box(
            *b"minf",
            &mp4_box(*b"stbl", &[table, stsd].concat()),
        ));
        let track = mp4_box(*b"trak", &mp4_box(*b"mdia", &media));
        [mp4_box(*b"ftyp", b"isom"), mp4_box(*b"moov", &track)].concat()
    }

    #[test]
    fn a_picture_has_profile_and_level() {
        let avcc = mp4_box(*b"avcC", b"\x01\x64\x00\x28\xff\xe0\0\xfd\xf8\xf8\0");
        let entry = [&[0; VISUAL_FIELDS][..], &avcc].concat();
        let info = InitInfo {
            codecs: "avc1.640028".into(),
            channels: None,
            timescale: 25_000,
        };
        assert_eq!(read_init(&init(*b"avc1", &entry)), Ok(info));
        let av1c = mp4_box(*b"av1C", b"\x81\x08\x0c\0");
        let entry = [&[0; VISUAL_FIELDS][..], &av1c].concat();
        let read = read_init(&init(*b"av01", &entry)).unwrap();
        assert_eq!(read.codecs, "av01.0.08M.08");
    }

    #[test]
    fn sound_has_an_object_type_and_channels() {
        let esds = mp4_box(
            *b"esds",
            b"\0\0\0\0\x03\x19\0\x01\0\x04\x11\x40\x15\0\0\0\0\x01\xf4\0\0\x01\xf4\0\
              \x05\x02\x11\x90\x06\x01\x02",
        );
        let mut fields = [0; AUDIO_FIELDS];
        fields[CHANNELS].copy_from_slice(&[0, 2]);
        let read = read_init(&init(*b"mp4a", &[&fields[..], &esds].concat())).unwrap();
        assert_eq!(
            (read.codecs.as_str(), read.channels),
            ("mp4a.40.2", Some(2))
        );
    }

    #[test]
    fn what_cannot_be_announced_is_said() {
        let malformed = |init: &[u8]| matches!(read_init(init), Err(UnknownInit::Malformed(_)));
        assert!(malformed(b""));
        assert!(malformed(&mp4_box(*b"moov", b"")));
        assert!(malformed(&init(*b"avc1", b"short")));
        assert_eq!(
            read_init(&init(*b"hvc1", &[0; VISUAL_FIELDS])),
            Err(UnknownInit::NoKnownCodec)
        );
    }
}
