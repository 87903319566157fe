//! `bert-trainer`: one trial.

fn main() -> std::process::ExitCode {
    tuning_operator::trainer::main()
}
