//! `bert-trainer`: one trial.
fn main() {}
