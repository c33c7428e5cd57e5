//! Noise takes as many bytes as an encoder may give it: in AV1 as in H.264, that is bounded.

use m3u8_rs::MediaPlaylist;
use reelrun_media::ladder::{self, VideoCodec, VideoCodecs};
use reelrun_tests::{
    chunks::hls,
    configuration::Reconfigured,
    media::Clips,
    stack::{Stack, get},
};

#[tokio::test]
async fn noise_stays_within_the_cap_of_each_codec() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let codecs = [("VIDEO_CODECS", "h264,av1".to_owned())];
    let _configuration = Reconfigured::variables(&stack, &codecs).await;
    let file = clips.make(
        "noise.mp4",
        "-f lavfi -i color=gray:s=1920x1080:r=25:d=6,noise=alls=100:allf=t+u -c:v libx264 -preset ultrafast -crf 35 -pix_fmt yuv420p",
    );
    let video = stack.ready(&file);
    let base = hls(&video).strip_suffix("master.m3u8").unwrap();
    let renditions = ladder::renditions(1920, 1080, 1080, VideoCodecs { av1: true });
    assert!(renditions.iter().any(|r| r.codec == VideoCodec::Av1));
    for rendition in renditions {
        let (name, cap) = (&rendition.name, f64::from(rendition.max_bitrate_bps));
        let folder = format!("{base}video/{name}");
        let playlist = get(&format!("{folder}/playlist.m3u8")).body;
        let playlist: MediaPlaylist = m3u8_rs::parse_media_playlist_res(&playlist).unwrap();
        let (mut bits, mut seconds) = (0.0, 0.0);
        for segment in playlist.segments {
            let size = get(&format!("{folder}/{}", segment.uri)).body.len();
            let (size, length) = (size as f64 * 8.0, f64::from(segment.duration));
            assert!(
                size <= 2.0 * cap * length,
                "{name}: {size} bits in {length} s, with a cap of {cap} bit/s"
            );
            (bits, seconds) = (bits + size, seconds + length);
        }
        println!(
            "{name}: {:.2} of {:.2} Mbit/s",
            bits / seconds / 1e6,
            cap / 1e6
        );
        // The buffer of H.264 holds two seconds more.
        let most = match rendition.codec {
            VideoCodec::H264 => cap * (seconds + 2.0) * 1.1,
            VideoCodec::Av1 => cap * seconds,
        };
        assert!(
            bits <= most,
            "{name}: {bits} bits in {seconds} s, with a cap of {cap} bit/s"
        );
    }
}
