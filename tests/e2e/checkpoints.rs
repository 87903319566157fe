//! Checkpoints on a real volume: they go with their job, and nothing else does.

use super::cluster::{Space, block_on, until};
use super::{bert, shell, work_volume};
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The folders of jobs on the volume of a namespace.
fn checkpoints(space: &Space) -> PathBuf {
    Path::new(&std::env::var("TUNING_CLUSTER_VOLUME").unwrap())
        .join(&space.name)
        .join("checkpoints")
}

fn keeping_checkpoints(mut manifest: Value) -> Value {
    let claim = json!([{"name": "work", "persistentVolumeClaim": {"claimName": "work"}}]);
    manifest["spec"]["trial"]["volumes"] = claim;
    manifest["spec"]["trial"]["checkpointVolume"] = json!("work");
    manifest["spec"]["retain"] = json!("All");
    manifest
}

/// Deletes a job and waits until it is gone.
async fn delete(space: &Space, job: &str) {
    let background = DeleteParams::background();
    space.jobs().delete(job, &background).await.unwrap();
    until(&format!("{job} is gone"), async || {
        space.jobs().get_opt(job).await.unwrap().is_none()
    })
    .await;
}

#[test]
fn checkpoints_go_with_their_job_and_nothing_else_does() {
    block_on(async {
        // It gives its files to another user, which only root can.
        let space = Space::on_the_node_with_root("checkpoints").await;
        work_volume(&space).await;
        let all = checkpoints(&space);
        fs::create_dir_all(all.join("foreign")).unwrap();
        fs::write(all.join("foreign/state"), "state").unwrap();
        fs::set_permissions(&all, fs::Permissions::from_mode(0o777)).unwrap();

        // Files of another user, in a folder that is closed to everybody else.
        let script = r#"cd $TUNING_CHECKPOINT_DIR; mkdir deep; echo state > deep/state; chown -R 1234 deep; chmod 500 deep
            echo '{"f1": 0.5}' > /dev/termination-log"#;
        let mut manifest = keeping_checkpoints(shell("job", 1, script));
        manifest["spec"]["trial"]["podSecurityContext"] = json!({"runAsNonRoot": false});
        space.apply(&manifest).await.unwrap();
        space.complete("job").await;
        let folder = async |job: &str| {
            let uid = space.jobs().get(job).await.unwrap().uid().unwrap();
            all.join(format!("{job}-{uid}"))
        };
        let of_job = folder("job").await;
        let trial = space.trials().get("job-0001").await.unwrap().uid().unwrap();
        assert!(of_job.join(format!("job-0001-{trial}/deep/state")).exists());
        delete(&space, "job").await;
        assert!(!of_job.exists(), "{} is left", of_job.display());

        // The fine-tuner's are removed as its own user: here a trial that does not come far.
        let mut manifest = keeping_checkpoints(bert("mrpc", 1, 1));
        manifest["spec"]["trial"]["bert"]["model"] = json!("/missing");
        manifest["spec"]["trial"]["resources"] =
            json!({"requests": {"cpu": "500m"}, "limits": {"memory": "3Gi"}});
        space.apply(&manifest).await.unwrap();
        until("it has failed", async || {
            space.holds("mrpc", "Failed").await.is_some()
        })
        .await;
        let of_job = folder("mrpc").await;
        assert!(of_job.exists());
        delete(&space, "mrpc").await;
        assert!(!of_job.exists(), "{} is left", of_job.display());
        assert!(all.join("foreign/state").exists());
    });
}
