//! In which colours a picture says that it is.

use serde::{Deserialize, Serialize};

/// What is said of a picture's colours, in ffmpeg's words; none where nothing is said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Colors<'a> {
    pub(super) matrix: Option<&'a str>,
    pub(super) primaries: Option<&'a str>,
    pub(super) transfer: Option<&'a str>,
}

/// What a container says of a picture's colours, in ffmpeg's words: a copy of the picture alone has no
/// place for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColorNames {
    matrix: Option<String>,
    primaries: Option<String>,
    transfer: Option<String>,
    range: Option<String>,
}

impl ColorNames {
    /// Of what is said, the words that ffmpeg's options know. (All else is what it assumes anyway.)
    pub(super) fn new([matrix, primaries, transfer, range]: [Option<&str>; 4]) -> Self {
        let known = |name: Option<&str>, words: &[&str]| {
            name.filter(|name| words.contains(name)).map(str::to_owned)
        };
        Self {
            matrix: known(matrix, &MATRICES),
            primaries: known(primaries, &PRIMARIES),
            transfer: known(transfer, &TRANSFERS),
            range: known(range, &["tv", "pc"]),
        }
    }

    /// The options of a decoder that repeat it.
    pub(crate) fn options(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("-colorspace:v", &self.matrix),
            ("-color_primaries:v", &self.primaries),
            ("-color_trc:v", &self.transfer),
            ("-color_range:v", &self.range),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

const MATRICES: [&str; 12] = [
    "bt709",
    "fcc",
    "bt470bg",
    "smpte170m",
    "smpte240m",
    "ycgco",
    "bt2020nc",
    "bt2020c",
    "chroma-derived-nc",
    "chroma-derived-c",
    "ictcp",
    "ipt-c2",
];
const PRIMARIES: [&str; 10] = [
    "bt709",
    "bt470m",
    "bt470bg",
    "smpte170m",
    "smpte240m",
    "film",
    "bt2020",
    "smpte428",
    "smpte431",
    "smpte432",
];
const TRANSFERS: [&str; 12] = [
    "bt709",
    "bt470m",
    "bt470bg",
    "smpte170m",
    "smpte240m",
    "linear",
    "iec61966-2-1",
    "iec61966-2-4",
    "bt2020-10",
    "bt2020-12",
    "smpte2084",
    "arib-std-b67",
];

/// A matrix that ffmpeg's scaler can't read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OddMatrix {
    /// Its name, if it can be converted before the scaler sees it; else it is taken for its neighbour.
    pub converted_from: Option<String>,
    /// The one among those that the scaler reads that is nearest to it, by its primaries.
    pub neighbour: Neighbour,
}

/// A matrix that the scaler reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Neighbour {
    /// ITU-R BT.709.
    Bt709,
    /// ITU-R BT.2020 with non-constant luminance.
    Bt2020,
}

impl Colors<'_> {
    /// Whether it has a high dynamic range: PQ or HLG.
    pub(super) fn is_hdr(&self) -> bool {
        matches!(self.transfer, Some("smpte2084" | "arib-std-b67"))
    }

    /// Whether it says by which matrix its colours were made, and with a high dynamic range of which
    /// primaries.
    pub(super) fn are_stated(&self) -> bool {
        let is_rgb = self.matrix == Some("gbr");
        if self.is_hdr() {
            is_rgb || self.matrix.is_some() && self.primaries.is_some()
        } else {
            !is_rgb && self.matrix.is_some()
        }
    }

    /// Its matrix, if the scaler can't read it.
    pub(super) fn odd_matrix(&self) -> Option<OddMatrix> {
        const READABLE: [&str; 7] = [
            "gbr",
            "bt709",
            "fcc",
            "bt470bg",
            "smpte170m",
            "smpte240m",
            "bt2020nc",
        ];
        let matrix = self.matrix.filter(|matrix| !READABLE.contains(matrix))?;
        let is_bt2020 = self.primaries == Some("bt2020");
        // What zimg has a way for. Constant luminance is decoded through the transfer, so that has to
        // be known. With PQ and HLG, what comes out depends on how bright white is said to be.
        let has_primaries = self.primaries.is_some();
        let can_be_converted = match matrix {
            "ycgco" => true,
            "bt2020c" => matches!(
                self.transfer,
                Some("bt709" | "smpte170m" | "bt2020-10" | "bt2020-12")
            ),
            "ictcp" => self.is_hdr() && is_bt2020,
            "chroma-derived-nc" => has_primaries,
            "chroma-derived-c" => has_primaries && self.transfer.is_some() && !self.is_hdr(),
            _ => false,
        };
        Some(OddMatrix {
            converted_from: can_be_converted.then(|| matrix.into()),
            neighbour: if is_bt2020 || self.is_hdr() && !has_primaries {
                Neighbour::Bt2020
            } else {
                Neighbour::Bt709
            },
        })
    }
}

impl Neighbour {
    /// As ffmpeg calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bt709 => "bt709",
            Self::Bt2020 => "bt2020nc",
        }
    }
}

/// One of a stream's colours, if it is known.
pub(super) fn stated(color: Option<&str>) -> Option<&str> {
    color.filter(|color| !matches!(*color, "unknown" | "reserved" | "unspecified"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_scaler_cannot_read_is_converted_or_taken_for_its_neighbour() {
        let odd = |matrix, primaries, transfer| {
            let colors = Colors {
                matrix: stated(Some(matrix)),
                primaries: stated(Some(primaries)),
                transfer: stated(Some(transfer)),
            };
            colors
                .odd_matrix()
                .map(|odd| (odd.converted_from.is_some(), odd.neighbour.name()))
        };
        assert_eq!(odd("bt709", "bt709", "bt709"), None);
        assert_eq!(odd("unknown", "bt2020", "smpte2084"), None);
        assert_eq!(odd("ycgco", "unknown", "unknown"), Some((true, "bt709")));
        assert_eq!(
            odd("bt2020c", "bt2020", "bt2020-10"),
            Some((true, "bt2020nc"))
        );
        assert_eq!(
            odd("bt2020c", "bt2020", "smpte2084"),
            Some((false, "bt2020nc"))
        );
        assert_eq!(
            odd("ictcp", "bt2020", "arib-std-b67"),
            Some((true, "bt2020nc"))
        );
        assert_eq!(odd("ictcp", "bt709", "bt709"), Some((false, "bt709")));
        assert_eq!(
            odd("chroma-derived-c", "bt709", "unknown"),
            Some((false, "bt709"))
        );
        assert_eq!(
            odd("chroma-derived-c", "bt709", "bt709"),
            Some((true, "bt709"))
        );
        assert_eq!(
            odd("chroma-derived-c", "bt2020", "smpte2084"),
            Some((false, "bt2020nc"))
        );
        assert_eq!(
            odd("ipt-c2", "unknown", "smpte2084"),
            Some((false, "bt2020nc"))
        );
    }
}
