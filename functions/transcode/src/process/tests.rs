use std::time::{Duration, Instant};

use super::*;

const AMPLE: ResourceLimits = ResourceLimits {
    memory_bytes: 1 << 30,
    address_bytes: 1 << 30,
    time: None,
    silence: None,
};

async fn shell(script: &str, limits: ResourceLimits) -> (Ended, String) {
    let args = ["-c", script].map(OsString::from);
    output("/bin/sh".as_ref(), &args, 1 << 20, limits)
        .await
        .unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn the_system_bounds_what_a_program_may_use() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let script = format!(
        "ulimit -n; ulimit -f; ulimit -c; ulimit -d; echo written > {}",
        file.display()
    );
    // The bounds are set when the program has begun.
    let (ended, text) = shell(&format!("sleep 2; {script}"), AMPLE).await;
    assert_eq!(text, "128\n0\n0\n1048576\n", "{ended:?}");
    assert_eq!(std::fs::read(&file).unwrap_or_default(), b"");
}

#[tokio::test(flavor = "current_thread")]
async fn who_takes_too_long_is_ended_with_all_it_started() {
    let begun = Instant::now();
    let limits = ResourceLimits {
        time: Some(Duration::from_millis(300)),
        ..AMPLE
    };
    let (ended, _) = shell("trap '' TERM; sleep 60 & sleep 60", limits).await;
    assert_eq!(ended.exceeded, Some(Exceeded::Time));
    assert!(!ended.was_killed() && !ended.has_crashed());
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "current_thread")]
async fn who_holds_too_much_is_ended() {
    let limits = ResourceLimits {
        memory_bytes: 8 << 20,
        ..AMPLE
    };
    // A shell variable of 32 MB.
    let script = "x=0123456789abcdef; while [ ${#x} -lt 33554432 ]; do x=$x$x; done; sleep 60";
    let (ended, _) = shell(script, limits).await;
    assert_eq!(ended.exceeded, Some(Exceeded::Memory));
}

#[tokio::test(flavor = "current_thread")]
async fn silence_is_held_against_a_program_unless_nobody_listens() {
    let limits = ResourceLimits {
        silence: Some(Duration::from_secs(3)),
        ..AMPLE
    };
    let lines = async |script: &str| {
        let args = ["-c", script].map(OsString::from);
        let mut lines = 0;
        let ended = each_line("/bin/sh".as_ref(), &args, limits, |_| {
            lines += 1;
            ControlFlow::Continue(())
        });
        (ended.await.unwrap().exceeded, lines)
    };
    let talks = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done";
    assert_eq!(lines(talks).await, (None, 8));
    assert_eq!(
        lines("echo 1; sleep 60").await,
        (Some(Exceeded::Silence), 1)
    );
    let args = ["-c", "sleep 4.5"].map(OsString::from);
    let (running, _) = start("/bin/sh".as_ref(), &args, None, 3, 1, limits).unwrap();
    let activity = running.activity().clone();
    let storing = activity.busy();
    assert_eq!(running.end().await.unwrap().exceeded, None);
    drop(storing);
}

#[tokio::test(flavor = "current_thread")]
async fn lines_are_read_until_enough_were_seen() {
    let args = ["-c", "while :; do echo line; done"].map(OsString::from);
    let mut lines = 0;
    let ended = each_line("/bin/sh".as_ref(), &args, AMPLE, |line| {
        assert_eq!(line, "line");
        lines += 1;
        if lines < 1000 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    assert!(ended.await.unwrap().was_killed());
    assert_eq!(lines, 1000);
}

#[tokio::test(flavor = "current_thread")]
async fn a_crash_is_told_from_an_end_from_outside() {
    let (crashed, _) = shell("kill -SEGV $$", AMPLE).await;
    assert!(crashed.has_crashed() && !crashed.was_killed());
    let (killed, _) = shell("kill -KILL $$", AMPLE).await;
    assert!(killed.was_killed() && !killed.has_crashed());
}

#[tokio::test(flavor = "current_thread")]
async fn a_program_gets_no_environment_and_its_complaints_no_signature() {
    let url = "http://127.0.0.1:9/source?X-Amz-Signature=abc";
    let args = [
        "-c",
        "echo \"$HOME$AWS_SECRET_ACCESS_KEY.\"; echo \"$0: refused\" >&2",
        url,
    ];
    let args = args.map(OsString::from);
    let (ended, text) = output("/bin/sh".as_ref(), &args, 100, AMPLE).await.unwrap();
    assert!(ended.status.success());
    assert_eq!(
        (text.as_str(), ended.stderr.as_str()),
        (".\n", "<source>: refused\n")
    );
}

#[test]
fn a_url_that_was_cut_in_half_is_hidden_too() {
    assert_eq!(
        redact("Date=1&X-Amz-Signature=abc: refused\n".into(), &[]),
        "refused\n"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn a_program_that_is_dropped_ends_with_all_it_started() {
    let marker = format!("31{}", std::process::id());
    let args = [
        "-c".into(),
        format!("sleep {marker} & sleep {marker}").into(),
    ];
    let (running, _) = start("/bin/sh".as_ref(), &args, None, 3, 1, AMPLE).unwrap();
    let alive = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
        lines
            .filter(|line| {
                line.starts_with(b"sleep") && line.ends_with(format!("{marker}\0").as_bytes())
            })
            .count()
    };
    let wait_for = async |count| {
        for _ in 0..100 {
            if alive() == count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{} instead of {count}", alive());
    };
    wait_for(2).await;
    drop(running);
    wait_for(0).await;
}
