//! Every way in which a container can end, on the node.

use super::cluster::{Space, block_on};
use super::{ended, shell};
use serde_json::json;
use tuning_operator::api::TrialFailure;

#[test]
fn every_end_on_the_node_means_what_the_table_says() {
    use TrialFailure::*;
    let report = r#"echo '{"f1": 0.5}' > /dev/termination-log"#;
    let cases = [
        ("memory", "head -c 300000000 /dev/zero | tail", Some(OutOfMemory)),
        (
            "nan",
            r#"echo '{"f1": NaN}' > /dev/termination-log"#,
            Some(Diverged),
        ),
        ("mute", "true", Some(MetricMissing)),
        ("crash", "echo 'no such file: x.tsv'; exit 1", Some(Crashed)),
        ("hung", "sleep 100000", Some(TimedOut)),
        ("well", report, None),
    ];
    block_on(async {
        let space = Space::on_the_node("triage").await;
        for (name, script, failure) in cases {
            let mut manifest = shell(name, 1, script);
            // However slow the others are, theirs is not the end by the clock.
            if failure == Some(TimedOut) {
                manifest["spec"]["budget"]["maxTrialDuration"] = json!("15s");
            }
            manifest["spec"]["retain"] = json!("All");
            manifest["spec"]["trial"]["resources"] = json!({"limits": {"memory": "64Mi"}});
            space.apply(&manifest).await.unwrap();
        }
        for (name, _, failure) in cases {
            let (_, found, value, message) = ended(&space, &format!("{name}-0001")).await;
            assert_eq!(found, failure, "{name}: {message}");
            assert_eq!(value, failure.is_none().then_some(0.5), "{name}");
            assert!(
                failure != Some(Crashed) || message.contains("no such file: x.tsv"),
                "{message}"
            );
        }
    });
}
