//! Unit tests of `trial_check`.

use super::*;
#[test]
fn references_are_found_in_any_text() {
    let names: Vec<&str> = references("$(params.a)$(date) $(params.b) $(params.c").collect();
    assert_eq!(names, ["a", "b"]);
}
