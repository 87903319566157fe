//! The controller. See `tuning_operator::operator`.

fn main() -> std::process::ExitCode {
    tuning_operator::operator::main()
}
