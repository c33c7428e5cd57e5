//! Encrypts segments on their way to storage, each as a whole.

use aes::Aes128;
use bytes::Bytes;
use cbc::{
    Encryptor,
    cipher::{BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7},
};
use reelrun_media::{
    encryption::{SegmentKey, initialization_vector},
    file::MediaFile,
};

/// What is stored of a segment that is this file.
pub(crate) fn encrypt(key: &SegmentKey, file: &MediaFile, clear: &[u8]) -> Bytes {
    let vector = initialization_vector(file);
    let encryptor = Encryptor::<Aes128>::new(key.bytes().into(), &vector.into());
    encryptor.encrypt_padded_vec::<Pkcs7>(clear).into()
}

#[cfg(test)]
mod tests {
    use reelrun_media::{encryption::encrypted_bytes, file::TrackId};

    use super::*;

    #[test]
    fn segments_of_any_length_are_as_long_as_is_said_of_them() {
        let key = SegmentKey::new([7; 16]);
        let file = MediaFile::Segment(TrackId::Video("720p".into()), 1);
        for length in [0, 1, 15, 16, 17, 1000] {
            let stored = encrypt(&key, &file, &vec![0; length]);
            assert_eq!(stored.len() as u64, encrypted_bytes(length as u64));
        }
    }

    #[test]
    fn equal_segments_of_two_tracks_are_stored_differently() {
        let key = SegmentKey::new([7; 16]);
        let stored = |rung: &str, number| {
            let file = MediaFile::Segment(TrackId::Video(rung.into()), number);
            encrypt(&key, &file, &[0; 100])
        };
        assert_eq!(stored("720p", 1), stored("720p", 1));
        assert_ne!(stored("720p", 1)[..16], stored("360p", 1)[..16]);
        assert_ne!(stored("720p", 1)[..16], stored("720p", 2)[..16]);
    }
}
