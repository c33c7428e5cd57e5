//! A second, simple reader of MP4 boxes: what it finds must agree with what Reelrun announced.

/// The boxes at one level: kind and contents.
pub fn boxes(mut bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut found = Vec::new();
    while let Some((size, rest)) = bytes.split_first_chunk::<4>() {
        let size = u32::from_be_bytes(*size) as usize;
        let (kind, _) = rest.split_first_chunk::<4>().unwrap();
        found.push((*kind, &bytes[8..size]));
        bytes = &bytes[size..];
    }
    found
}

/// The contents of the box at a path.
pub fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |inside, wanted| {
        boxes(inside)
            .into_iter()
            .find(|(kind, _)| kind == *wanted)
            .map(|(_, contents)| contents)
    })
}

/// The `CODECS` value of an initialization segment, straight from its configuration record.
pub fn codecs_of(init: &[u8]) -> String {
    let at = |name: &[u8]| {
        init.windows(4)
            .position(|window| window == name)
            .map(|at| &init[at + 4..])
    };
    if let Some(av1c) = at(b"av1C") {
        let (profile, level) = (av1c[1] >> 5, av1c[1] & 31);
        let tier = if av1c[2] & 0x80 == 0 { 'M' } else { 'H' };
        let depth = if av1c[2] & 0x40 == 0 { 8 } else { 10 };
        return format!("av01.{profile}.{level:02}{tier}.{depth:02}");
    }
    match (at(b"avcC"), at(b"esds")) {
        (Some(avcc), _) => format!("avc1.{:02x}{:02x}{:02x}", avcc[1], avcc[2], avcc[3]),
        (_, Some(esds)) => {
            // DecoderConfigDescriptor (4) holds the object type; DecoderSpecificInfo (5) starts with
            // five bits of audio object type. Lengths may be padded with 0x80.
            let after_tag = |bytes: &[u8], tag: u8| {
                let at = bytes.iter().position(|&byte| byte == tag).unwrap();
                let length = bytes[at + 1..]
                    .iter()
                    .take_while(|&&byte| byte & 0x80 != 0)
                    .count()
                    + 1;
                bytes[at + 1 + length..].to_vec()
            };
            let config = after_tag(&esds[8..], 4);
            let specific = after_tag(&config[13..], 5);
            format!("mp4a.{:x}.{}", config[0], specific[0] >> 3)
        }
        _ => panic!("neither avcC nor esds"),
    }
}

/// When a media segment starts, in ticks.
pub fn decode_time(bytes: &[u8]) -> u64 {
    let tfdt = find(bytes, &[b"moof", b"traf", b"tfdt"]).unwrap();
    if tfdt[0] == 1 {
        u64::from_be_bytes(tfdt[4..12].try_into().unwrap())
    } else {
        u64::from(u32::from_be_bytes(tfdt[4..8].try_into().unwrap()))
    }
}

/// How many ticks there are in a second, by an initialization segment.
pub fn timescale(init: &[u8]) -> f64 {
    let mdhd = find(init, &[b"moov", b"trak", b"mdia", b"mdhd"]).unwrap();
    let at = if mdhd[0] == 1 { 20 } else { 12 };
    f64::from(u32::from_be_bytes(mdhd[at..at + 4].try_into().unwrap()))
}

/// When each frame of a media segment is shown, in ticks and in that order.
pub fn presentation_times(segment: &[u8]) -> Vec<i64> {
    let mut shown = Vec::new();
    for (kind, moof) in boxes(segment) {
        if &kind != b"moof" {
            continue;
        }
        let traf = find(moof, &[b"traf"]).unwrap();
        let tfdt = find(traf, &[b"tfdt"]).unwrap();
        let mut at = if tfdt[0] == 1 {
            i64::from_be_bytes(tfdt[4..12].try_into().unwrap())
        } else {
            i64::from(word(&tfdt[4..]))
        };
        // The length of every sample, where they are alike: after the track's number, and what
        // other flags there are.
        let tfhd = find(traf, &[b"tfhd"]).unwrap();
        let flags = word(tfhd) & 0x00ff_ffff;
        let before =
            [(0x1, 8), (0x2, 4)].map(|(flag, size)| if flags & flag == 0 { 0 } else { size });
        let default = (flags & 0x8 != 0).then(|| word(&tfhd[8 + before[0] + before[1]..]));
        let trun = find(traf, &[b"trun"]).unwrap();
        let flags = word(trun) & 0x00ff_ffff;
        let mut fields = trun[8..].chunks_exact(4).map(word);
        let mut field = |flag| (flags & flag != 0).then(|| fields.next().unwrap());
        // Where the data are, and the first sample's flags.
        let _ = (field(0x1), field(0x4));
        for _ in 0..word(&trun[4..]) {
            let length = field(0x100).or(default).unwrap();
            let _ = (field(0x200), field(0x400));
            // Signed in version 1; in version 0 never so large that it matters.
            let later = field(0x800).unwrap_or(0).cast_signed();
            shown.push(at + i64::from(later));
            at += i64::from(length);
        }
    }
    shown.sort_unstable();
    shown
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// The NAL unit types of the first access unit of an H.264 segment, up to its first slice.
pub fn first_nal_types(bytes: &[u8]) -> Vec<u8> {
    let mut data = find(bytes, &[b"mdat"]).unwrap();
    let mut types = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<4>() {
        let kind = rest[0] & 0x1f;
        types.push(kind);
        // Slices are 1 to 5; the first ends the look.
        if (1..=5).contains(&kind) {
            break;
        }
        data = &rest[u32::from_be_bytes(*length) as usize..];
    }
    types
}
