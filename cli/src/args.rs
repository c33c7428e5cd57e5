//! What can be typed. Help texts are the command's documentation, so they say what comes out.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::arch::Arch;
use crate::emulator_kind::EmulatorKind;

/// Where the local stack's proxy listens unless the port is taken.
pub(crate) const PROXY_PORT: u16 = 8484;

/// Reelrun: your own video platform, on this machine or in your AWS account.
#[derive(Debug, Parser)]
#[command(name = "cargo reelrun", bin_name = "cargo reelrun", version)]
pub(crate) struct Args {
    /// Show each program that is run, as a line that can be pasted into a shell
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show it all: start the local stack, upload a video, check that it plays, print where to watch
    Demo(DemoArgs),
    /// Run every test, against a local stack of its own
    Test(TestArgs),
    /// Start the local stack and serve until Ctrl-C
    Up(UpArgs),
    /// Stop the local stack
    Down,
    /// Upload files, wait until they can be watched, print where
    Upload(UploadArgs),
    /// Print addresses at which a private video can be watched for a while
    Share(ShareArgs),
    /// List, add and delete the subtitles, captions and chapters of a video
    Tracks(TracksArgs),
    /// Try a stack as its users do: upload, wait, play, delete; and say what does not work
    Smoke(SmokeArgs),
    /// Fetch the ffmpeg layer
    Layer(ArchArgs),
    /// Build the functions for Lambda
    Build(ArchArgs),
    /// Deploy to your AWS account
    Deploy(DeployArgs),
    /// Go back to the release that was deployed before; run again, it goes forward
    Rollback(RollbackArgs),
    /// Run the benchmarks against the local stack
    Bench(BenchArgs),
    /// Feed noise to every parser of outside data
    Fuzz(FuzzArgs),
    /// Upload good, odd and hostile files for long while functions are killed and calls fail
    Soak(SoakArgs),
    /// Check formatting, lints, the template and the page
    Lint,
    /// Start a function as Lambda does; for emulators
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    LambdaSandbox(crate::sandbox::SandboxArgs),
}

impl Command {
    /// Whether stdout is kept for a machine to read.
    pub(crate) fn answers_in_json(&self) -> bool {
        matches!(
            self,
            Self::Upload(UploadArgs { json: true, .. })
                | Self::Share(ShareArgs { json: true, .. })
                | Self::Tracks(TracksArgs { json: true, .. })
                | Self::Smoke(SmokeArgs { json: true, .. })
        )
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The video to upload; without one, a clip of 20 seconds is generated
    pub(crate) file: Option<PathBuf>,
    /// End once the video is checked, instead of serving until Ctrl-C
    #[arg(long)]
    pub(crate) exit: bool,
    /// End once the video is checked and leave the local stack running (`cargo reelrun down` stops it)
    #[arg(long, conflicts_with = "exit")]
    pub(crate) keep: bool,
}

#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are flags of a command line"
)]
pub(crate) struct TestArgs {
    /// Only the page's tests, in Chromium and Firefox
    #[arg(long)]
    pub(crate) page: bool,
    /// Build the functions as they are deployed, which takes minutes longer
    #[arg(long)]
    pub(crate) release: bool,
    /// Go on where this machine can't keep all of Lambda's rules for the functions; the tests of those
    /// rules fail
    #[arg(long)]
    pub(crate) allow_missing_rules: bool,
    /// Go on where players are missing in which the tests play private videos; the tests of those fail
    #[arg(long)]
    pub(crate) allow_missing_players: bool,
    /// Only on this emulator. Without one, all tests run on MiniStack, and unless some are named, a
    /// part of them once more on LocalStack
    #[arg(long, value_enum)]
    pub(crate) emulator: Option<EmulatorKind>,
    #[command(flatten)]
    pub(crate) endpoint: EndpointArgs,
    /// Passed on to `cargo nextest run`, e.g. a part of a test's name
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) nextest: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UpArgs {
    /// Return once the stack is ready and leave it running
    #[arg(long)]
    pub(crate) detach: bool,
    /// Port of the site and the API on 127.0.0.1; if it is taken, a free one is used
    #[arg(long, default_value_t = PROXY_PORT)]
    pub(crate) port: u16,
    /// What stands in for AWS
    #[arg(long, value_enum, default_value_t)]
    pub(crate) emulator: EmulatorKind,
    #[command(flatten)]
    pub(crate) endpoint: EndpointArgs,
}

/// Where a `LocalStack` is that somebody else runs.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct EndpointArgs {
    /// Address of a LocalStack that runs already [default: that in `AWS_ENDPOINT_URL`; without either,
    /// one is started]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}

impl EndpointArgs {
    /// The endpoint, if this emulator may be another's.
    pub(crate) fn of(&self, emulator: EmulatorKind) -> Option<String> {
        let from_environment = || std::env::var("AWS_ENDPOINT_URL").ok();
        let url = match emulator {
            EmulatorKind::MiniStack => None,
            EmulatorKind::LocalStack => self.endpoint.clone().or_else(from_environment),
        };
        url.map(|url| url.trim_end_matches('/').to_owned())
            .filter(|url| !url.is_empty())
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct UploadArgs {
    /// Videos to upload
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Only those who are given a token may watch (see `share`)
    #[arg(long)]
    pub(crate) private: bool,
    /// Segments are stored encrypted; players get the key with their token. HLS only
    #[arg(long, requires = "private")]
    pub(crate) encrypt: bool,
    /// Subtitles for it, e.g. `de=untertitel.srt`; may be repeated
    #[arg(long, value_name = "LANGUAGE=FILE", value_parser = text_file)]
    pub(crate) subtitles: Vec<TextFile>,
    /// Print each video as a line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A stack's description, as `up` and `deploy` write it [default: the local stack's]
    #[arg(long, value_name = "PATH")]
    pub(crate) stack: Option<PathBuf>,
}

/// A file and the language of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextFile {
    pub(crate) language: String,
    pub(crate) path: PathBuf,
}

/// Reads `de=untertitel.srt`.
fn text_file(text: &str) -> Result<TextFile, String> {
    let parts = text.split_once('=');
    let parts = parts.filter(|(language, path)| !language.is_empty() && !path.is_empty());
    let (language, path) = parts.ok_or_else(|| {
        format!("{text:?} names no language; write it as LANGUAGE=FILE, e.g. de=untertitel.srt")
    })?;
    Ok(TextFile {
        language: language.into(),
        path: path.into(),
    })
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShareArgs {
    /// Id of a private video
    pub(crate) id: String,
    /// How long the addresses are good, e.g. 30m, 2h, 7d [default: 6h, or as long as the video is]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) valid_for: Option<Duration>,
    /// For the uploaded file instead of the published video
    #[arg(long)]
    pub(crate) original: bool,
    /// A domain whose pages may play it, e.g. example.com; may be repeated
    #[arg(long = "referrer", value_name = "DOMAIN")]
    pub(crate) referrers: Vec<String>,
    /// Print the answer as a line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A stack's description, as `up` and `deploy` write it [default: the local stack's]
    #[arg(long, value_name = "PATH")]
    pub(crate) stack: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TracksArgs {
    /// Id of a video
    pub(crate) id: String,
    /// Subtitles to add, in WebVTT or SubRip, e.g. `de=untertitel.srt`; may be repeated
    #[arg(long, value_name = "LANGUAGE=FILE", value_parser = text_file)]
    pub(crate) subtitles: Vec<TextFile>,
    /// The same, for those who don't hear; may be repeated
    #[arg(long, value_name = "LANGUAGE=FILE", value_parser = text_file)]
    pub(crate) captions: Vec<TextFile>,
    /// Chapters to add, a WebVTT file with one cue for each; may be repeated
    #[arg(long, value_name = "LANGUAGE=FILE", value_parser = text_file)]
    pub(crate) chapters: Vec<TextFile>,
    /// Id of a track to delete; may be repeated
    #[arg(long, value_name = "TRACK")]
    pub(crate) delete: Vec<String>,
    /// Print the tracks as a line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A stack's description, as `up` and `deploy` write it [default: the local stack's]
    #[arg(long, value_name = "PATH")]
    pub(crate) stack: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SmokeArgs {
    /// A stack's description, as `up` and `deploy` write it [default: the local stack's]
    #[arg(long, value_name = "PATH")]
    pub(crate) stack: Option<PathBuf>,
    /// Leave out what takes longest: a long video, and a file sent in parts
    #[arg(long)]
    pub(crate) quick: bool,
    /// How many seconds a video may take to be ready
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) wait: u64,
    /// Where this machine listens for the stack's webhooks, e.g. `127.0.0.1:9000`, where one of its
    /// `WebhookUrls` leads
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) webhook_listen: Option<String>,
    /// Print what was checked as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ArchArgs {
    /// Architecture of the functions [default: this machine's]
    #[arg(long)]
    pub(crate) arch: Option<Arch>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeployArgs {
    /// Name of the stack in AWS; also the start of its bucket names
    #[arg(long, default_value = "reelrun", value_parser = stack_name)]
    pub(crate) stack_name: String,
    /// AWS region [default: that of your AWS configuration]
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Architecture of the functions; arm64 costs a fifth less
    #[arg(long, default_value = "arm64")]
    pub(crate) arch: Arch,
    /// A parameter of infra/template.yaml, e.g. `MaxHeight=2160`; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Replace the API token by a new one
    #[arg(long)]
    pub(crate) new_token: bool,
    /// Sign playback tokens with a new key. The present one stays valid until the next new one
    #[arg(long)]
    pub(crate) new_playback_key: bool,
    /// Show the changes and ask before they are made
    #[arg(long)]
    pub(crate) confirm: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RollbackArgs {
    /// Name of the stack in AWS
    #[arg(long, default_value = "reelrun", value_parser = stack_name)]
    pub(crate) stack_name: String,
    /// AWS region [default: that of your AWS configuration]
    #[arg(long)]
    pub(crate) region: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Parts to run, e.g. `api`; without names all are run. A wrong name lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) bench: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FuzzArgs {
    /// How long each target runs
    #[arg(long, default_value_t = 30)]
    pub(crate) seconds: u32,
    /// Noise of the same number begins alike
    #[arg(long)]
    pub(crate) seed: Option<u32>,
    /// Targets to run, e.g. `segmenter`; without names all are run. A wrong name lists them
    pub(crate) targets: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SoakArgs {
    /// How long clients upload; then what was begun gets ten minutes to end
    #[arg(long, default_value_t = 30.0)]
    pub(crate) minutes: f64,
    /// Makes the same choices as an earlier soak, which printed it
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// Bucket names are `<stack>-uploads-<part of the stack's id>` and end at 63 characters.
const LONGEST_STACK_NAME: usize = 42;

fn stack_name(text: &str) -> Result<String, String> {
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_lowercase());
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if starts_with_letter && text.chars().all(valid) && text.len() <= LONGEST_STACK_NAME {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "use at most {LONGEST_STACK_NAME} lowercase letters, digits and dashes, a letter first"
        ))
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// Reads `90s`, `30m`, `2h` or `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write it as 90s, 30m, 2h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    count
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn nextest_arguments_pass_through_untouched() {
        let args = Args::parse_from(["reelrun", "test", "-p", "reelrun-core", "--no-capture"]);
        let Command::Test(test) = args.command else {
            panic!("not the test command: {args:?}");
        };
        assert_eq!(test.nextest, ["-p", "reelrun-core", "--no-capture"]);
    }

    #[test]
    fn verbose_is_known_after_the_command_too() {
        assert!(Args::parse_from(["reelrun", "up", "--verbose"]).verbose);
    }

    #[test]
    fn a_text_file_comes_with_its_language() {
        let file = text_file("pt-BR=a=b.srt").expect("read");
        assert_eq!(
            (&*file.language, file.path.as_path()),
            ("pt-BR", std::path::Path::new("a=b.srt"))
        );
        for wrong in ["a.srt", "=a.srt", "de="] {
            let why = text_file(wrong).expect_err(wrong);
            assert!(why.contains("LANGUAGE=FILE"), "{why}");
        }
    }

    #[test]
    fn json_keeps_stdout_free() {
        let json = |line: &[&str]| Args::parse_from(line).command.answers_in_json();
        assert!(json(&["reelrun", "upload", "a.mp4", "--json"]));
        assert!(json(&["reelrun", "smoke", "--json"]));
        assert!(!json(&["reelrun", "upload", "a.mp4"]));
        assert!(!json(&["reelrun", "demo"]));
    }

    #[test]
    fn stack_names_fit_into_bucket_names() {
        assert!(stack_name("reelrun-2").is_ok());
        for wrong in ["", "Reelrun", "2reel", "reel_run", &"a".repeat(43)] {
            assert!(stack_name(wrong).is_err(), "{wrong}");
        }
    }

    /// An alarm takes 1024 characters of description on AWS; the emulator takes any number.
    #[test]
    fn alarms_can_say_what_to_do_whatever_the_stack_is_called() {
        let longest = "x".repeat(LONGEST_STACK_NAME + "/aws/lambda/-transcode".len());
        let template = include_str!("../../infra/template.yaml");
        let descriptions = template.split("AlarmDescription: !Sub |-\n").skip(1);
        assert!(descriptions.clone().count() >= 3);
        for description in descriptions {
            let lines = description
                .lines()
                .map(|line| line.strip_prefix("        "));
            let text: Vec<_> = lines.map_while(|line| line).collect();
            let text = text.join("\n");
            let mut pieces = text.split("${");
            let first = pieces.next().unwrap_or_default().to_owned();
            let named = pieces.fold(first, |text, piece| {
                let (_, rest) = piece.split_once('}').expect("a name's end");
                text + &longest + rest
            });
            assert!(named.len() <= 1024, "{} characters: {named}", named.len());
        }
    }

    #[test]
    fn parameters_keep_later_equal_signs() {
        let split = parameter("ApiUrl=https://a/?b=c").expect("valid");
        assert_eq!(split, ("ApiUrl".to_owned(), "https://a/?b=c".to_owned()));
        assert!(parameter("MaxHeight").is_err());
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_hours(2)));
        assert_eq!(duration("7d"), Ok(Duration::from_hours(7 * 24)));
        for wrong in ["", "h", "2", "2 h", "-1h", "2é", "99999999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
