//! Hashes and tokens.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::process::private_file;
use crate::project::make_folder;

/// Lowercase hex SHA-256.
pub(crate) fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A new API token with 256 bits from the operating system. Only its hash goes into a stack.
pub(crate) fn new_token() -> Result<String> {
    Ok(format!("reelrun_{}", random_hex::<32>()?))
}

/// `N` random bytes as hex.
pub(crate) fn random_hex<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("the operating system gave no random bytes (/dev/urandom)")?;
    Ok(hex::encode(bytes))
}

/// A file with what must not be seen among a program's arguments; removed when dropped.
pub(crate) struct SecretFile(pub(crate) PathBuf);

impl SecretFile {
    pub(crate) fn write(folder: &Path, name: &str, value: &impl Serialize) -> Result<Self> {
        make_folder(folder)?;
        let path = folder.join(name);
        let json = serde_json::to_string(value).context("it fits into JSON")?;
        let file = Self(path);
        private_file(&file.0)
            .and_then(|mut open| open.write_all(json.as_bytes()))
            .with_context(|| format!("cannot write {}", file.0.display()))?;
        Ok(file)
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_lowercase_hex() {
        assert_eq!(
            sha256_hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn tokens_differ() {
        let (one, other) = (new_token().expect("token"), new_token().expect("token"));
        assert_eq!(one.len(), "reelrun_".len() + 64);
        assert_ne!(one, other);
    }
}
