//! The catalog, on the stack's table, held to the model's reading of transitions.

use reelrun_core::{
    lifecycle::{self, Lease, Outcome, Transition, visibility},
    timestamp::Timestamp,
    upload::details::DetailsChange,
    video::{Published, Status, Video, VideoId, Visibility},
};
use reelrun_media::error::{ErrorType, VideoError};
use reelrun_platform::catalog::Catalog;
use reelrun_tests::stack::Stack;
use serde_json::{Value, json};

use super::functions;

/// What the table does with a transition is what the rules' model takes it to do.
#[tokio::test]
async fn the_catalog_and_the_model_read_transitions_alike() {
    let stack = Stack::get();
    let catalog = functions().transcoder.catalog;
    let id = VideoId::new(uuid::Uuid::now_v7()).unwrap();
    let at = Timestamp::from_millis;
    let waiting = Video {
        expires_at: Some(at(1000)),
        ..Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 1)
    };
    catalog.create(&waiting).await.unwrap();
    let mut model = json!(waiting).as_object().cloned();
    let lease = |holder: &str, attempt| Lease {
        video: id,
        holder: holder.into(),
        generation: 1,
        attempt,
    };
    let (one, two, run) = (lease("one", 1), lease("two", 2), lease("run", 2));
    let error = |kind| VideoError::new(kind, "Why.");
    let failed = Video {
        error: Some(error(ErrorType::Internal)),
        ..waiting.clone()
    };
    let details = DetailsChange {
        title: Some(Some("Title".into())),
        metadata: Some([("key".to_owned(), "value".to_owned())].into()),
        visibility: None,
    };
    let published = Published {
        renditions: Vec::new(),
        audio: Vec::new(),
        has_poster: true,
        has_storyboard: false,
        has_audio_file: true,
    };
    let script = [
        lifecycle::admit_multipart("a", 2),
        lifecycle::admit_multipart("b", 2),
        lifecycle::admit_multipart("c", 2),
        lifecycle::admit_multipart("a", 2),
        lifecycle::report_upload(at(500)),
        lifecycle::report_upload(at(501)),
        lifecycle::clear_ttl(),
        lifecycle::begin("one", at(1000), at(2000), None),
        lifecycle::begin("two", at(1999), at(3000), None),
        lifecycle::renew(&one, at(2500), 0.333_333),
        lifecycle::renew(&two, at(9999), 1.0),
        lifecycle::begin("two", at(2500), at(3000), Some(at(2500))),
        lifecycle::hand_over(&two, &run, at(4000)),
        lifecycle::hand_over(&two, &run, at(4000)),
        lifecycle::confirm_run(&run, at(5000), 3),
        lifecycle::part_done(&run, 2),
        lifecycle::part_done(&run, 2),
        lifecycle::part_done(&run, 0),
        lifecycle::part_done(&one, 1),
        lifecycle::change_details(&details),
        lifecycle::change_details(&DetailsChange::default()),
        lifecycle::fail(&one, &error(ErrorType::TooLong)),
        lifecycle::fail(&run, &error(ErrorType::Internal)),
        lifecycle::revive("three", at(6000), &failed, ErrorType::TooLong),
        lifecycle::revive("three", at(6000), &failed, ErrorType::Internal),
        lifecycle::revive("four", at(6000), &failed, ErrorType::Internal),
        lifecycle::release("three", at(6001)),
        lifecycle::begin("five", at(6001), at(7000), None),
        lifecycle::complete(&lease("five", 2), &published, at(8000)),
        lifecycle::begin("six", at(i64::MAX / 2), at(8000), None),
        lifecycle::delete(at(9000)),
        lifecycle::change_details(&details),
        lifecycle::delete(at(9001)),
    ];
    agree(&catalog, &mut model, id, script).await;
    catalog.forget(id).await.unwrap();
    let gone = catalog
        .apply(id, &lifecycle::delete(at(9002)))
        .await
        .unwrap();
    assert_eq!(gone, Outcome::Refused(None));
    assert!(stack.record(&id.to_string()).await.is_empty());
}

/// The same of those by which a video is moved.
#[tokio::test]
async fn the_catalog_and_the_model_read_moves_alike() {
    use Visibility::{Private, Public};
    let catalog = functions().transcoder.catalog;
    let id = VideoId::new(uuid::Uuid::now_v7()).unwrap();
    let at = Timestamp::from_millis;
    let ready = Video {
        status: Status::Ready,
        ..Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 1)
    };
    catalog.create(&ready).await.unwrap();
    let mut model = json!(ready).as_object().cloned();
    let details = DetailsChange::default();
    let show = |visibility, moving_to, to| {
        let seen = Video {
            visibility,
            moving_to,
            ..ready.clone()
        };
        visibility::change_visibility(&seen, to, &details, at(8500)).unwrap()
    };
    let script = [
        visibility::show_moved(Private),
        show(Private, None, Public),
        show(Public, None, Private),
        show(Public, None, Private),
        visibility::finish_move(Private, at(8600)),
        visibility::show_moved(Public),
        visibility::show_moved(Private),
        visibility::show_moved(Private),
        show(Public, Some(Private), Private),
        show(Private, Some(Private), Private),
        visibility::finish_move(Private, at(8700)),
        visibility::finish_move(Private, at(8800)),
        show(Private, None, Public),
        lifecycle::delete(at(9000)),
        visibility::show_moved(Public),
    ];
    agree(&catalog, &mut model, id, script).await;
    catalog.forget(id).await.unwrap();
}

/// Holds the catalog to what the model says of each transition, one after the other.
async fn agree(
    catalog: &Catalog,
    model: &mut Option<serde_json::Map<String, Value>>,
    id: VideoId,
    script: impl IntoIterator<Item = Transition>,
) {
    for transition in script {
        let expected = transition.apply(model.as_ref());
        let outcome = catalog.apply(id, &transition).await.unwrap();
        let read = |record: Option<&serde_json::Map<String, Value>>| -> Option<Video> {
            record.map(|record| serde_json::from_value(json!(record)).unwrap())
        };
        match outcome {
            Outcome::Done(video) => {
                assert_eq!(Some(*video), read(expected.as_ref()), "{transition:?}");
            }
            Outcome::Refused(video) => {
                assert_eq!(expected, None, "{transition:?}");
                assert_eq!(
                    video.map(|video| *video),
                    read(model.as_ref()),
                    "{transition:?}"
                );
            }
        }
        if expected.is_some() {
            *model = expected;
        }
    }
}
