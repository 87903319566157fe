//! `tuning`: the person's command.

fn main() -> std::process::ExitCode {
    tuning_operator::cli::main()
}
