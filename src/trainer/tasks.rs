//! Every task by its name.

use super::glue::GLUE;
use super::task::Task;

/// Every task.
pub(super) fn all() -> impl Iterator<Item = &'static dyn Task> {
    GLUE.iter().map(|task| task as &dyn Task)
}

/// The task of this name.
pub fn find(name: &str) -> Option<&'static dyn Task> {
    all().find(|task| task.name() == name)
}
