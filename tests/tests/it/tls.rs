//! Storage behind TLS, with an authority that an operator names: what is read and written goes through
//! it, and an authority that nobody trusts is never held against a file.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use aws_sdk_s3::presigning::PresigningConfig;
use reelrun_core::keys::{RunId, StorageKey};
use reelrun_media::{
    command::SourceUrl,
    source::{Container, Head, SourceLimits},
};
use reelrun_platform::{
    aws,
    storage::{Buckets, Storage},
};
use reelrun_tests::{
    chunks::executions,
    configuration::Reconfigured,
    conformance::{Expected, check},
    media::{Clips, text},
    stack::{Stack, program},
    tls_front::TlsFront,
};
use reelrun_transcode::{
    error::StepError,
    examine::{Found, examine},
    process::Programs,
};

/// In fragments: it is copied, and encoded in chunks.
const CLIP: &str = "-f lavfi -i testsrc2=s=320x180:r=25:d=13 -c:v libx264 -preset ultrafast -g 50 -pix_fmt yuv420p -movflags frag_keyframe+empty_moov";

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_video_goes_through_tls() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let front = TlsFront::start(&stack.aws_endpoint_url).await;
    let _chunks = Reconfigured::chunks(&stack, 2).await;
    let authority = InLayer::place(&front.authority());
    let trusted = [
        ("AWS_ENDPOINT_URL_S3", front.url()),
        ("SSL_CERT_FILE", authority.seen_as()),
    ];
    let _trusted = Reconfigured::variables(&stack, &trusted).await;
    let id = stack.upload(&clips.make("secret.mp4", CLIP));
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{video:#}");
    assert_eq!(executions(&stack, &id).await.len(), 1);
    let expected = Expected {
        frames: 325,
        frame_rate: (25, 1),
        size: (320, 180),
        renditions: &["240p"],
        language: None,
    };
    check(&video, &expected);
    // Whoever plans, each chunk and whoever publishes have one at least, and each of their programs.
    assert!(front.handshakes() >= 8, "{} handshakes", front.handshakes());
}

/// A file in the layer, which is all that a function sees beside its code.
struct InLayer(PathBuf);

impl InLayer {
    fn place(file: &Path) -> Self {
        let ffmpeg = program("ffmpeg");
        let layer = ffmpeg.ancestors().nth(2).unwrap();
        let placed = layer.join(format!("authority-{}.pem", std::process::id()));
        std::fs::copy(file, &placed).unwrap();
        Self(placed)
    }

    fn seen_as(&self) -> String {
        format!("/opt/{}", self.0.file_name().unwrap().to_str().unwrap())
    }
}

impl Drop for InLayer {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// ffprobe and the SDK each say that it is the certificate.
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_not_trusted_is_the_reason() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let front = TlsFront::start(&stack.aws_endpoint_url).await;
    let bytes = std::fs::read(clips.make("secret.mp4", CLIP)).unwrap();
    let head = Head::of(&bytes).unwrap();
    let key = StorageKey::PictureCopy(
        uuid::Uuid::now_v7().to_string().parse().unwrap(),
        RunId::new("x", 1, 1),
    );
    let put = stack.s3().put_object().bucket(&stack.uploads_bucket);
    let put = put.key(key.to_string()).body(bytes.into());
    put.send().await.unwrap();

    let through_tls = aws_sdk_s3::config::Builder::from(&stack.aws())
        .endpoint_url(front.url())
        .force_path_style(true)
        .build();
    let client = aws_sdk_s3::Client::from_conf(through_tls);
    let valid = PresigningConfig::expires_in(Duration::from_mins(5)).unwrap();
    let get = client.get_object().bucket(&stack.uploads_bucket);
    let signed = get.key(key.to_string()).presigned(valid).await.unwrap();
    let limits = SourceLimits {
        max_duration_seconds: 100,
        accepts_audio_only: true,
    };
    let examined = async |trusted: PathBuf| {
        let programs = Programs {
            ffmpeg: program("ffmpeg"),
            ffprobe: program("ffprobe"),
            ca_file: None,
            memory_mb: 3008,
        };
        let source = SourceUrl {
            url: signed.uri(),
            ca_file: Some(text(&trusted)),
            container: Container::Mp4,
            reads_deep: false,
        };
        let examined = examine(&programs, source, head, limits).await;
        examined.map(|found| match found {
            Found::Video(examined) => examined.info.video.width,
            Found::AudioOnly(..) => 0,
        })
    };
    assert_eq!(
        examined(front.authority()).await.unwrap(),
        320,
        "what is trusted is read"
    );
    // Another authority than the one that vouches for it.
    let other = TlsFront::start(&stack.aws_endpoint_url).await;
    let refused = examined(other.authority()).await;
    let Err(StepError::Transient(why)) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.to_lowercase().contains("certificate"), "{why}");

    let buckets = Buckets {
        uploads: stack.uploads_bucket.clone(),
        media: stack.media_bucket.clone(),
    };
    let sdk = stack.aws().into_builder().endpoint_url(front.url()).build();
    let storage = Storage::new(aws::s3(&sdk), buckets);
    let refused = StepError::from(storage.get(&key).await.unwrap_err());
    assert_eq!(refused.name(), "Transient", "{refused:?}");
    let why = refused.to_string();
    assert!(why.to_lowercase().contains("certificate"), "{why}");
}
