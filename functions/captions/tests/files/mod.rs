//! The files of the corpus.

use std::fs;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");

/// Each file's name and bytes, by name.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(FOLDER).unwrap().map(|file| {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let bytes = fs::read(file.path()).unwrap();
        let bytes = if name.contains(".escaped.") {
            unescaped(&bytes)
        } else {
            bytes
        };
        (name.replace(".escaped", ""), bytes)
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(
            match (byte, (byte == b'\\').then(|| rest.next()).flatten()) {
                (_, Some(b'r')) => b'\r',
                (_, Some(b't')) => b'\t',
                (_, Some(b'x')) => {
                    let digits: Vec<u8> = rest.by_ref().take(2).collect();
                    let digits = String::from_utf8(digits).unwrap();
                    u8::from_str_radix(&digits, 16).unwrap()
                }
                (byte, None) => byte,
                (_, Some(other)) => panic!("no such escape: \\{}", char::from(other)),
            },
        );
    }
    bytes
}
