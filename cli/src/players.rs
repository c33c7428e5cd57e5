//! The players that tests play videos in, beside Chromium, and what they play sound to. They are programs of the system, as
//! their users have them.

use std::path::PathBuf;

use crate::process::{Task, find_program};
use crate::project::Project;

/// Debian's name, and everybody else's.
const FIREFOX: [&str; 2] = ["firefox-esr", "firefox"];

/// What of `GStreamer` plays HLS and DASH of H.264 and AAC, by Debian's packages.
const GSTREAMER: [(&str, &[&str]); 2] = [
    (
        "gstreamer1.0-plugins-good",
        &["hlsdemux2", "dashdemux2", "souphttpsrc", "qtdemux"],
    ),
    ("gstreamer1.0-libav", &["avdec_h264", "avdec_aac"]),
];

/// Where Firefox is.
pub(crate) fn firefox() -> Option<PathBuf> {
    std::env::var_os("REELRUN_FIREFOX")
        .map(PathBuf::from)
        .or_else(|| FIREFOX.into_iter().find_map(find_program))
}

/// Which of the players are missing on this machine, and how they are installed; nothing if none is. The
/// page plays in Firefox alone.
pub(crate) fn missing(project: &Project, for_the_page: bool) -> Option<String> {
    let mut packages = Vec::new();
    if firefox().is_none() {
        packages.push("firefox-esr");
    }
    // Where there is no device for sound, Firefox does not play what has no picture.
    if find_program("pulseaudio").is_none() {
        packages.push("pulseaudio");
    }
    if !for_the_page {
        packages.extend(missing_programs(project));
    }
    (!packages.is_empty()).then(|| text(&packages))
}

fn missing_programs(project: &Project) -> Vec<&'static str> {
    let mut packages = Vec::new();
    if find_program("mpv").is_none() {
        packages.push("mpv");
    }
    if find_program("gst-play-1.0").is_none() {
        packages.push("gstreamer1.0-plugins-base-apps");
    }
    match find_program("gst-inspect-1.0") {
        None => {
            packages.push("gstreamer1.0-tools");
            packages.extend(GSTREAMER.map(|(package, _)| package));
        }
        Some(inspect) => {
            let has = |element: &&str| {
                Task::new(project, "GStreamer's elements", &inspect)
                    .args(["--exists", element])
                    .succeeds()
            };
            let incomplete = GSTREAMER
                .into_iter()
                .filter(|(_, elements)| !elements.iter().all(has));
            packages.extend(incomplete.map(|(package, _)| package));
        }
    }
    packages
}

fn text(packages: &[&str]) -> String {
    format!(
        "This is missing, in which the tests play videos, or to which they play sound; Debian's and \
         Ubuntu's packages are\n  - {}\n(`sudo apt install {}`)",
        packages.join("\n  - "),
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_to_be_pasted() {
        let said = text(&["mpv", "firefox-esr"]);
        assert!(
            said.contains("\n  - mpv\n") && said.ends_with("(`sudo apt install mpv firefox-esr`)")
        );
    }
}
