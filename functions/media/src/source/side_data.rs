//! What a container says beside its streams and packets: how to show them, and what locks them.

use serde::Deserialize;

use super::Crop;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProbeSideData {
    side_data_type: Option<String>,
    displaymatrix: Option<String>,
    crop_top: u32,
    crop_bottom: u32,
    crop_left: u32,
    crop_right: u32,
    dv_profile: Option<u8>,
    dv_bl_signal_compatibility_id: Option<u8>,
}

impl ProbeSideData {
    /// What is needed to decrypt a stream, or one packet of it.
    pub(super) fn is_of_encryption(&self) -> bool {
        let kind = self.side_data_type.as_deref();
        matches!(
            kind,
            Some("Encryption initialization data" | "Encryption info")
        )
    }

    /// ffprobe's hexdump-like table of nine numbers, in lines that begin with their offset.
    pub(super) fn matrix(&self) -> Option<[i64; 4]> {
        let rows = self
            .displaymatrix
            .as_deref()?
            .lines()
            .filter_map(|line| line.split_once(':'));
        let mut rows = rows.map(|(_, row)| {
            let mut numbers = row.split_whitespace().map(str::parse::<i32>);
            Some((numbers.next()?.ok()?.into(), numbers.next()?.ok()?.into()))
        });
        let ((a, b), (c, d)) = (rows.next()??, rows.next()??);
        Some([a, b, c, d])
    }

    /// Dolby Vision whose base layer, seen without Dolby's own processing, is green and purple.
    pub(super) fn is_dolby_vision_only(&self) -> bool {
        self.dv_profile.is_some() && self.dv_bl_signal_compatibility_id == Some(0)
    }

    /// What the container cuts off.
    pub(super) fn crop(&self) -> Option<Crop> {
        (self.side_data_type.as_deref() == Some("Frame Cropping")).then_some(Crop {
            top: self.crop_top,
            bottom: self.crop_bottom,
            left: self.crop_left,
            right: self.crop_right,
        })
    }
}
