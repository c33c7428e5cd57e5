//! Makes each file, uploads it, waits for its end and compares. All rows are judged before any
//! failure is told.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use reelrun_tests::{
    chunks::executions,
    configuration::Reconfigured,
    media::{Clips, text},
    stack::{Stack, program, put},
};

use crate::matrix::{
    case::{Case, End, Step},
    judge,
};

/// How many are under way at once: while one is encoded, others are made and measured.
const AT_ONCE: usize = 4;

/// Runs rows of the matrix and tells of all that end otherwise than they should.
pub(crate) fn run(cases: &[Case]) {
    run_all(&Stack::get(), cases);
}

/// The same, each in two chunks.
pub(crate) async fn run_in_chunks(cases: &[Case]) {
    let stack = Stack::get();
    let _configuration = Reconfigured::chunks(&stack, 2).await;
    for (name, id) in run_all(&stack, cases) {
        let runs = executions(&stack, &id).await;
        assert_eq!(runs.len(), 1, "{name} was not encoded in chunks");
    }
}

/// Gives each row's name and video.
fn run_all(stack: &Stack, cases: &[Case]) -> Vec<(&'static str, String)> {
    let videos = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    let verdict = catch_unwind(AssertUnwindSafe(|| one(stack, case, &videos)))
                        .unwrap_or_else(|panic| Err(vec![words(&*panic)]));
                    let seconds = begun.elapsed().as_secs_f64();
                    let name = case.name;
                    match verdict {
                        Ok(summary) => println!("ok    {name:<44} {summary} ({seconds:.1} s)"),
                        Err(complaints) => {
                            let complaints = complaints.join("; ");
                            println!("WRONG {name:<44} {complaints} ({seconds:.1} s)");
                            failures
                                .lock()
                                .unwrap()
                                .push(format!("{name}: {complaints}"));
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let (wrong, all) = (failures.len(), cases.len());
    assert!(wrong == 0, "{wrong} of {all}:\n{}", failures.join("\n"));
    videos.into_inner().unwrap()
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").into()
}

fn one(
    stack: &Stack,
    case: &Case,
    videos: &Mutex<Vec<(&'static str, String)>>,
) -> Result<String, Vec<String>> {
    let clips = Clips::new();
    let bytes = std::fs::read(make(&clips, case)).unwrap();
    let content_type = reelrun_core::media_type::for_filename(&case.file)
        .unwrap_or_else(|| panic!("{}: no accepted type", case.file));
    let permission = stack.permission(&case.file, content_type, bytes.len() as u64);
    let answer = put(&permission.url, &permission.content_type, &bytes);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let video = stack.settled(&permission.video_id);
    let named = (case.name, permission.video_id);
    videos.lock().unwrap().push(named);
    if video["filename"] != case.file.as_str() {
        return Err(vec![format!(
            "its name comes back as {}",
            video["filename"]
        )]);
    }
    match &case.end {
        End::Ready(ready) => judge::ready(&video, ready),
        End::Errored(kind, word) => judge::errored(&video, kind, word),
    }
}

/// Makes a case's file.
pub(crate) fn make(clips: &Clips, case: &Case) -> PathBuf {
    let mut path = PathBuf::new();
    for (number, step) in case.steps.iter().enumerate() {
        path = match step {
            Step::Encode(extension, args) => {
                let to = clips.path(&format!("{number}.{extension}"));
                encode(clips, case, args, &to);
                to
            }
            Step::Remake(extension, args) => {
                let args = args.replace("{}", text(&path));
                clips.make(&format!("{number}.{extension}"), &args)
            }
            Step::Join(extension, parts) => {
                let part = |(at, args): (usize, &String)| {
                    let name = format!("{number}-{at}.{extension}");
                    let made = clips.make(&name, &args.replace("{}", text(&path)));
                    std::fs::read(made).unwrap()
                };
                let joined = parts.iter().enumerate().flat_map(part).collect::<Vec<_>>();
                clips.file(&format!("{number}.{extension}"), &joined)
            }
            Step::Edit(edit) => {
                let bytes = edit(std::fs::read(&path).unwrap());
                std::fs::write(&path, bytes).unwrap();
                path
            }
            Step::Bytes(bytes) => clips.file(&format!("{number}"), bytes),
        };
    }
    path
}

/// The card goes to ffmpeg through a pipe: as raw pictures it is large.
fn encode(clips: &Clips, case: &Case, args: &str, to: &std::path::Path) {
    let card = case.card;
    let mut command = Command::new(program("ffmpeg"));
    let input = format!(
        "-hide_banner -loglevel error -nostdin -y -itsoffset {} -f rawvideo -pixel_format rgb24 -video_size {}x{} -framerate {}/{} -i pipe:0",
        case.picture_late, card.width, card.height, card.rate.0, card.rate.1
    );
    command.args(input.split(' '));
    if let Some(beep) = case.beep {
        let sound = clips.path("beep.wav");
        beep.write(&sound).unwrap();
        let late = case.sound_late.to_string();
        command.args(["-itsoffset", &late, "-i", text(&sound)]);
    }
    let mut ffmpeg = command
        .args(args.split_whitespace())
        .arg(to)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffmpeg is needed: run the tests with `cargo reelrun test`");
    let pipe = ffmpeg.stdin.take().unwrap();
    // It may stop reading before the card's end, as with `-t`.
    let _ = card.draw(pipe);
    let output = ffmpeg.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {args}: {complaint}");
}
