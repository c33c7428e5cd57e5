//! Whether a video's segments are encrypted, and with what: HLS's AES-128 (RFC 8216, §4.3.2.4), which
//! encrypts a segment as a whole. Initialization segments stay clear.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::file::MediaFile;

/// Where a player finds the key, seen from a track's folder: at the top of the video's, so that whatever
/// opens the playlist there opens the key.
pub const KEY_URI: &str = "../../key";

/// What AES encrypts at a time, in bytes.
const BLOCK_BYTES: u64 = 16;

/// How a video's segments are encrypted: each as a whole, with AES-128 in CBC mode and one key for the
/// video. Only HLS has this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Encryption {
    /// HLS's `METHOD=AES-128`.
    #[serde(rename = "aes-128")]
    Aes128,
}

/// The key of one video's segments. It is shown to nobody by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SegmentKey([u8; 16]);

/// The text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 hexadecimal digits")]
pub struct InvalidKey;

impl SegmentKey {
    /// The key of these bytes, which must be random.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// What it encrypts with.
    pub fn encryption(&self) -> Encryption {
        Encryption::Aes128
    }

    /// What encrypts, and what a player is given.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for SegmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SegmentKey(…)")
    }
}

impl TryFrom<String> for SegmentKey {
    type Error = InvalidKey;
    fn try_from(text: String) -> Result<Self, InvalidKey> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidKey)?;
        Ok(Self(bytes))
    }
}

impl From<SegmentKey> for String {
    fn from(key: SegmentKey) -> Self {
        hex::encode(key.0)
    }
}

/// Where the encryption of a file begins (the IV). Tracks share a key and number their segments alike, so
/// the number alone would begin several files in one place; and an encode that is repeated must write
/// the same bytes again.
pub fn initialization_vector(file: &MediaFile) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(file.to_string()).into();
    let mut vector = [0; 16];
    vector.copy_from_slice(&digest[..16]);
    vector
}

/// The size of what is stored of a segment: it is filled up to whole blocks, and by a whole one if it has
/// them already (PKCS#7).
pub fn encrypted_bytes(clear: u64) -> u64 {
    (clear / BLOCK_BYTES + 1) * BLOCK_BYTES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::file::TrackId;

    #[test]
    fn a_key_is_stored_and_not_shown() {
        let key = SegmentKey::new(*b"0123456789abcdef");
        let stored = serde_json::to_string(&key).unwrap();
        assert_eq!(stored, "\"30313233343536373839616263646566\"");
        assert_eq!(serde_json::from_str::<SegmentKey>(&stored).unwrap(), key);
        assert_eq!(format!("{key:?}"), "SegmentKey(…)");
        for wrong in ["", "30", "zz313233343536373839616263646566"] {
            assert!(SegmentKey::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_two_files_begin_alike() {
        let tracks = [
            TrackId::Video("720p".into()),
            TrackId::Video("360p".into()),
            TrackId::Audio("main".into()),
        ];
        let files = tracks.iter().flat_map(|track| {
            (1..=1000).map(move |number| MediaFile::Segment(track.clone(), number))
        });
        let vectors: BTreeSet<_> = files.map(|file| initialization_vector(&file)).collect();
        assert_eq!(vectors.len(), 3000);
    }

    #[test]
    fn segments_are_filled_up() {
        assert_eq!(
            [0, 1, 15, 16, 17].map(encrypted_bytes),
            [16, 16, 16, 32, 32]
        );
    }
}
