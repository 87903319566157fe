//! `tuning ask-tell` alone, which builds without the rest of the command.

fn main() -> std::io::Result<()> {
    tuning_operator::cli::ask_tell::run(std::io::stdin().lock(), std::io::stdout().lock())
}
