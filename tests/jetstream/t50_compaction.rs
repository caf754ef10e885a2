//! Files of messages that are gone shrink while the stream goes on.

use std::time::{Duration, Instant};

use crate::ask::{ask, connect, start};

#[tokio::test]
async fn blocks_are_written_anew_without_what_is_gone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = start(directory.path());
    let client = connect(&server).await;
    let stream = r#"{"name":"S","subjects":["s.*"],"max_msgs_per_subject":1,"max_bytes":100000}"#;
    ask(&client, "$JS.API.STREAM.CREATE.S", stream).await;
    ask(&client, "s.stays", "for good").await;
    let payload = "x".repeat(1000);
    for round in 0..4 {
        for key in 0..20 {
            let stored = ask(&client, &format!("s.{key}"), &payload).await;
            assert_eq!(stored["seq"], round * 20 + key + 2, "{stored}");
        }
    }
    let block = directory.path().join("jetstream/$G/streams/S/msgs/1.blk");
    let size = || std::fs::metadata(&block).expect("the block has a message").len();
    assert!(size() > 25_000);
    let deadline = Instant::now() + Duration::from_secs(60);
    while size() > 200 {
        assert!(Instant::now() < deadline, "it still has {} bytes", size());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let kept = ask(&client, "$JS.API.STREAM.MSG.GET.S", r#"{"last_by_subj":"s.stays"}"#).await;
    assert_eq!(kept["message"]["seq"], 1, "{kept}");
    let state = ask(&client, "$JS.API.STREAM.INFO.S", "").await["state"].clone();
    assert_eq!((state["messages"].as_u64(), state["last_seq"].as_u64()), (Some(21), Some(81)), "{state}");
}
