//! The controller. See `tuning_operator::operator`.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
