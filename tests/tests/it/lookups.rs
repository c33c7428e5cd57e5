//! What is said of a video, through the CDN: asked of the function once in some seconds, however many look,
//! and kept of nothing that is not for all.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use reelrun_platform::now;
use reelrun_tests::stack::{Answer, Stack, get, send};
use serde_json::json;

const KEPT_WHILE_WAITING: u64 = 1;

fn look(stack: &Stack, id: &str, headers: &[(&str, &str)]) -> Answer {
    send(
        "GET",
        &format!("{}/videos/{id}", stack.cdn_url),
        headers,
        &[],
    )
}

/// How often the function was asked since a time (Unix ms).
fn asked(stack: &Stack, since: i64) -> usize {
    stack.logs(&stack.lookup_function, since).len()
}

#[test]
fn however_many_look_the_function_is_asked_once_in_a_second() {
    let stack = Stack::get();
    let id = stack.permission("popular.mp4", "video/mp4", 9).video_id;
    let (since, begun, looks) = (now().as_millis(), Instant::now(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for viewer in 0..8 {
            let (stack, id, looks) = (&stack, &id, &looks);
            scope.spawn(move || {
                let origin = format!("http://localhost:{}", 3000 + viewer);
                let cookie = format!("viewer={viewer}");
                while begun.elapsed() < Duration::from_secs(3) {
                    let answer = look(stack, id, &[("origin", &origin), ("cookie", &cookie)]);
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert_eq!(answer.json()["id"], json!(id));
                    assert_eq!(
                        answer.header("cache-control"),
                        "public, max-age=0, s-maxage=1"
                    );
                    // Kept for pages of all origins.
                    assert_eq!(answer.header("access-control-allow-origin"), "*");
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let most = usize::try_from(begun.elapsed().as_secs() / KEPT_WHILE_WAITING + 1).unwrap();
    let (looks, asked) = (looks.into_inner(), asked(&stack, since));
    println!(
        "{looks} looks in {:?}: the function was asked {asked} times",
        begun.elapsed()
    );
    assert!(looks > 2 * most, "{looks} looks");
    assert!(
        (1..=most).contains(&asked),
        "asked {asked} times, of {most}"
    );
}

#[test]
fn what_is_not_for_all_is_never_kept() {
    let stack = Stack::get();
    let owner = format!("Bearer {}", stack.api_token);
    let owner = [("authorization", &*owner)];
    let body = json!({"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 9,
        "visibility": "private"});
    let answer = stack.post("/uploads", Some(&stack.api_token), &body.to_string());
    let private = answer.json()["video_id"].as_str().unwrap().to_owned();
    let public = stack.permission("b.mp4", "video/mp4", 9).video_id;
    for id in [&private, &public] {
        // Also where something is kept for all.
        let of_all = if *id == private { 404 } else { 200 };
        assert_eq!(look(&stack, id, &[]).status, of_all);
        let since = now().as_millis();
        for _ in 0..3 {
            let answer = look(&stack, id, &owner);
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.header("age"), "");
        }
        assert_eq!(asked(&stack, since), 3);
        // Nor is what the owner saw for those who come after him.
        for headers in [&[][..], &[("authorization", "Bearer x")]] {
            let answer = look(&stack, id, headers);
            assert_eq!(answer.status, of_all, "{}", answer.text());
            assert!(of_all == 200 || answer.header("cache-control") == "no-store");
        }
    }
    // The API's document is the same at the CDN.
    let document = get(&format!("{}/openapi.json", stack.cdn_url));
    assert_eq!(document.json()["info"]["title"], "Reelrun");
    let preflight = [
        ("origin", "http://localhost:3000"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ];
    let url = format!("{}/videos/{public}", stack.cdn_url);
    let permitted = send("OPTIONS", &url, &preflight, &[]);
    assert!(
        permitted
            .header("access-control-allow-headers")
            .contains("authorization")
    );
}
