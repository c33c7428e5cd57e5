//! MPEG streams whose tables lie.

use super::{Attack, End, MALFORMED, NOT_A_VIDEO, clip};
use crate::media::Clips;

/// The checksum of MPEG's tables.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            let carry = if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
            crc << 1 ^ carry
        })
    })
}

/// A table in a packet of its own.
fn table(pid: u16, kind: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len() + 4).unwrap() | 0xB000;
    let section = [&[kind], &length.to_be_bytes()[..], contents].concat();
    let head = [0x47, 0x40 | (pid >> 8) as u8, (pid & 0xFF) as u8, 0x10, 0];
    let mut packet = [&head[..], &section, &crc(&section).to_be_bytes()].concat();
    packet.resize(188, 0xFF);
    packet
}

/// The programs of a stream, each with the packets that describe it.
fn programs(list: impl Iterator<Item = (u16, u16)>) -> Vec<u8> {
    let entries = list
        .flat_map(|(number, pid)| [number.to_be_bytes(), (pid | 0xE000).to_be_bytes()].concat());
    let contents = [&[0, 1, 0xC1, 0, 0][..], &entries.collect::<Vec<_>>()].concat();
    table(0, 0, &contents)
}

/// The streams of a program: kind and packets.
fn program(pid: u16, number: u16, streams: &[(u8, u16)], info: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let entries = streams
        .iter()
        .flat_map(|&(kind, pid)| [&[kind][..], &(pid | 0xE000).to_be_bytes(), &[0xF0, 0]].concat());
    let head = [high, low, 0xC1, 0, 0, 0xE1, 0];
    let contents = [
        &head[..],
        &(info | 0xF000).to_be_bytes(),
        &entries.collect::<Vec<_>>(),
    ]
    .concat();
    table(pid, 2, &contents)
}

pub(super) fn attacks(clips: &Clips) -> Vec<Attack> {
    let good = clip(clips, "good.ts", "-c:v mpeg2video");
    let itself = [
        programs((1..40).map(|number| (number, 0))),
        program(0, 1, &[(2, 0)], 0),
    ];
    let circle = [
        programs([(1, 100), (2, 101)].into_iter()),
        program(100, 1, &[(2, 101), (2, 100)], 0),
        program(101, 2, &[(2, 100), (2, 0)], 0),
    ];
    let crowd: Vec<_> = (0..200_u16)
        .flat_map(|step| {
            let first = 100 + step * 30;
            let streams: Vec<_> = (0..30).map(|n| (2, first + n)).collect();
            program(99, 1, &streams, 0)
        })
        .collect();
    let crowd = [programs([(1, 99)].into_iter()), crowd].concat();
    let long = [
        programs([(1, 100)].into_iter()),
        program(100, 1, &[(2, 101)], 0xFFF),
    ];
    let mut clockless = good.clone();
    for packet in clockless.chunks_exact_mut(188) {
        packet[1] |= 0x80; // "this packet is damaged"
    }
    let file = |name, bytes, end| Attack::new(name, "tables.ts", bytes, end);
    vec![
        file(
            "a table that describes itself",
            itself.concat().repeat(500),
            MALFORMED,
        ),
        file(
            "tables that describe each other",
            circle.concat().repeat(500),
            MALFORMED,
        ),
        file(
            "six thousand streams, thirty at a time",
            crowd.repeat(5),
            MALFORMED,
        ),
        file(
            "a description longer than its table",
            long.concat().repeat(500),
            MALFORMED,
        ),
        file("packets that say they are damaged", clockless, End::Ready),
        file(
            "nothing but the marks of packets",
            [&[0x47], &[0; 187][..]].concat().repeat(5000),
            NOT_A_VIDEO,
        ),
        file(
            "a good stream after junk",
            [&[0x55; 1000][..], &good].concat(),
            End::Ready,
        ),
        Attack::new(
            "start codes only",
            "codes.mpg",
            b"\0\0\x01\xBA".repeat(20_000),
            NOT_A_VIDEO,
        ),
        Attack::new(
            "packets of a program stream that claim 64 KB",
            "claims.mpg",
            b"\0\0\x01\xE0\xFF\xFF".repeat(20_000),
            NOT_A_VIDEO,
        ),
        Attack::new(
            "raw H.264",
            "raw.mpg",
            clip(clips, "raw.h264", "-c:v libx264 -pix_fmt yuv420p"),
            NOT_A_VIDEO,
        ),
    ]
}
