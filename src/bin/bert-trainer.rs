//! `bert-trainer`: one trial.

#[global_allocator]
static ALLOCATOR: tuning_operator::trainer::Allocator = tuning_operator::trainer::Allocator;

fn main() -> std::process::ExitCode {
    tuning_operator::trainer::main()
}
