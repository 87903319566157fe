//! `tuning`: the person's command.
fn main() {}
