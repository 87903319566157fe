//! A trial that learns to answer questions.

use super::cluster::{Space, block_on};
use super::{bert, ended, trial, work_volume};
use serde_json::json;
use tuning_operator::api::{TrialPhase, ValueSource};

#[test]
fn questions_are_learned_from_and_their_f1_is_the_value() {
    block_on(async {
        let space = Space::on_the_node("reading").await;
        work_volume(&space).await;
        let mut manifest = bert("squad", 1, 1);
        let bert = &mut manifest["spec"]["trial"]["bert"];
        bert["task"] = json!("squad");
        bert["data"] = json!("/volume/squad");
        bert["batchSize"] = json!(8);
        // What the manifest says of the recipe reaches the trainer.
        bert["gradientAccumulationSteps"] = json!(2);
        bert["scheduler"] = json!("cosine");
        // Both of the node's graphics cards are taken by another test.
        manifest["spec"]["trial"]["resources"] =
            json!({"requests": {"cpu": "500m"}, "limits": {"memory": "3Gi"}});
        manifest["spec"]["retain"] = json!("All");
        space.apply(&manifest).await.unwrap();
        let (phase, _, value, message) = ended(&space, "squad-0001").await;
        assert_eq!(phase, TrialPhase::Succeeded, "{message}");
        assert!((0.0..=1.0).contains(&value.unwrap()));
        let status = trial(&space, "squad-0001").await.status.unwrap();
        assert_eq!(status.source, Some(ValueSource::TerminationMessage));
        let pod = space
            .pods()
            .list(&Default::default())
            .await
            .unwrap()
            .items
            .remove(0);
        let log = space
            .pods()
            .logs(pod.metadata.name.as_deref().unwrap(), &Default::default())
            .await
            .unwrap();
        for part in [
            "squad: ",
            "exact_match=",
            "\"gradient_accumulation_steps\":2",
            "\"scheduler\":\"cosine\"",
            "\"max_length\":384",
        ] {
            assert!(log.contains(part), "{part} is not in {log}");
        }
    });
}
