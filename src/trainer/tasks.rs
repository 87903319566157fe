//! Every task by its name.

use super::glue::GLUE;
use super::squad::SQUAD;
use super::task::Task;

/// Every task.
pub fn all() -> impl Iterator<Item = &'static dyn Task> {
    let glue = GLUE.iter().map(|task| task as &dyn Task);
    glue.chain([&SQUAD as &dyn Task])
}

/// The task of this name.
pub fn find(name: &str) -> Option<&'static dyn Task> {
    all().find(|task| task.name() == name)
}
