//! Unit tests of `remove_checkpoints`.

use super::*;
use clap::Parser;

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tuning-remove-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, path: &str) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "state").unwrap();
        path
    }

    fn remove(&self, folder: &str, keep: &[&str]) -> (Result<(), String>, String) {
        let keep: Vec<String> = keep.iter().map(|k| (*k).to_owned()).collect();
        let mut out = Vec::new();
        let result = remove(&self.0, folder, &keep, &mut out);
        (result, String::from_utf8(out).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_kept_stays_and_so_does_what_is_not_the_jobs() {
    let all = Folder::new("keep");
    let kept = all.file("job-1/job-0002-b/state");
    let removed = all.file("job-1/job-0001-a/deep/state");
    let foreign = all.file("job-2/job-0001-c/state");
    let (result, said) = all.remove("job-1", &["job-0002-b"]);
    assert_eq!(result, Ok(()));
    assert!(kept.exists() && foreign.exists() && !removed.exists());
    assert!(
        said.contains("job-0001-a") && !said.contains("job-0002-b"),
        "{said}"
    );
    assert!(!all.0.join("job-1/job-0001-a").exists());
}

#[test]
fn an_empty_folder_goes_too_and_a_missing_one_is_gone_already() {
    let all = Folder::new("all");
    all.file("job-1/job-0001-a/state");
    all.file("job-1/lonely");
    assert_eq!(all.remove("job-1", &[]).0, Ok(()));
    assert!(!all.0.join("job-1").exists());
    assert_eq!(all.remove("job-1", &[]), (Ok(()), String::new()));
}

#[test]
fn links_are_removed_and_not_followed() {
    let all = Folder::new("links");
    let foreign = all.file("job-2/job-0001-c/state");
    all.file("job-1/job-0001-a/state");
    let link = |to: &str, from: &str| std::os::unix::fs::symlink(all.0.join(to), all.0.join(from)).unwrap();
    link("job-2", "job-1/job-0002-b");
    link("job-2", "job-1/job-0001-a/deep");
    link("job-2", "job-3");
    assert_eq!(all.remove("job-1", &[]).0, Ok(()));
    assert_eq!(all.remove("job-3", &[]).0, Ok(()));
    assert!(foreign.exists() && !all.0.join("job-1").exists());
    assert!(fs::symlink_metadata(all.0.join("job-3")).is_err());
}

#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: RemoveCheckpoints,
    }
    let wrong = ["..", ".", "", "a/b", "/etc", "a/../../b", "..."];
    for name in wrong {
        assert!(Program::try_parse_from(["p", name]).is_err(), "{name:?}");
        assert!(
            Program::try_parse_from(["p", "job-1", "--keep", name]).is_err(),
            "{name:?}"
        );
    }
    let right = Program::try_parse_from(["p", "job-1", "--keep", "a", "--keep", "b"]);
    assert_eq!(
        right.map(|p| p.arguments.keep).ok(),
        Some(vec!["a".into(), "b".into()])
    );
}
