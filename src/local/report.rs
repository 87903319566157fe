//! The final report that a trial leaves in its folder.

use crate::metrics::TrialReport;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads `report.json` of a trial's folder, if there is a sound one.
pub fn read(trial_dir: &Path) -> Option<TrialReport> {
    let mut text = String::new();
    // A report is small: whatever is longer is no report, and is not read to its end.
    File::open(trial_dir.join("report.json"))
        .ok()?
        .take(1 << 17)
        .read_to_string(&mut text)
        .ok()?;
    TrialReport::parse(&text).ok()
}

/// Removes what an earlier attempt left.
pub fn forget(trial_dir: &Path) {
    let _ = std::fs::remove_file(trial_dir.join("report.json"));
}
