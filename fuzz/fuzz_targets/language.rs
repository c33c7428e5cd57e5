//! Language tags, of clients and of containers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelrun_captions::LanguageTag;

fuzz_target!(|text: &str| {
    let _ = LanguageTag::of_container(Some(text));
    let Ok(tag) = LanguageTag::parse(text) else {
        return;
    };
    // In playlists and MPDs it stands in quotation marks.
    assert!(
        tag.as_str()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    );
    assert_eq!(LanguageTag::parse(tag.as_str()).as_ref(), Ok(&tag));
    assert_eq!(
        LanguageTag::parse(&text.to_ascii_uppercase()).as_ref(),
        Ok(&tag)
    );
    assert!(!tag.own_name().is_empty() && !tag.english_name().is_empty());
    assert_eq!(tag.bibliographic().len(), 3);
});
