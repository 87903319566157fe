//! The views against texts that are kept beside: `UPDATE_GOLDEN=1 cargo test --test view_golden` writes them anew.
#![cfg(feature = "local")]

#[path = "golden/view_run.rs"]
mod run;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::Path;
use tuning_operator::view::{self, Format, Plot, RunView};

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, kept, "{name} differs; UPDATE_GOLDEN=1 takes the new text");
}

fn plot(view: &RunView) -> Plot {
    let points = view::slice(view, 0, 200);
    Plot::new(view, 0, &points, &run::predictions(&points)).unwrap()
}

fn screen(view: &RunView, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, view)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| {
        (0..width)
            .map(|x| buffer[(x, y)].symbol())
            .collect::<String>()
            .trim_end()
            .to_owned()
            + "\n"
    };
    (0..height).map(line).collect()
}

#[test]
fn tables() {
    golden("view_table.txt", &view::table(&run::running(), None));
    golden("view_table_80.txt", &view::table(&run::running(), Some(80)));
}

#[test]
fn live_screens() {
    golden("view_live_80x24.txt", &screen(&run::running(), 80, 24));
    golden("view_live_120x40.txt", &screen(&run::running(), 120, 40));
    golden("view_live_done_80x24.txt", &screen(&run::done(), 80, 24));
}

#[test]
fn a_live_screen_of_any_size_is_drawn() {
    for (width, height) in [(1, 1), (5, 3), (20, 8), (300, 3)] {
        screen(&run::running(), width, height);
    }
}

#[test]
fn reports_and_explanations() {
    golden("view_report.txt", &view::report(&run::done(), Some(100)));
    let explain = |index| view::explain(&run::running(), index).unwrap();
    let all: Vec<_> = [1, 10, 12, 17].map(explain).to_vec();
    golden("view_explain.txt", &all.join("\n---\n"));
    assert_eq!(view::explain(&run::running(), 99), None);
}

#[test]
fn a_summary_reads_back() {
    let summary = view::summary(&run::done());
    let text = serde_json::to_string_pretty(&summary).unwrap() + "\n";
    golden("view_summary.json", &text);
    assert_eq!(serde_json::from_str::<view::Summary>(&text).unwrap(), summary);
}

#[test]
fn terminal_plots() {
    golden(
        "view_plot.txt",
        &view::terminal(&plot(&run::running()), 100, 28, false),
    );
    let colored = view::terminal(&plot(&run::running()), 100, 28, true);
    assert!(colored.contains("\u{1b}[32m★"));
    let plain = regex::Regex::new("\u{1b}\\[\\d+m")
        .unwrap()
        .replace_all(&colored, "")
        .into_owned();
    assert_eq!(plain, view::terminal(&plot(&run::running()), 100, 28, false));
}

#[test]
fn times_to_come() {
    let mut view = run::running();
    let seconds = |d: Option<jiff::SignedDuration>| d.map(|d| d.as_secs());
    // 207 of 345 steps took 109 seconds.
    assert_eq!(
        seconds(view::trial_eta(view.trial(17).unwrap(), view.now)),
        Some(72)
    );
    assert!((view::job_fraction(&view) - (16.0 + 207.0 / 345.0 + 52.0 / 345.0) / 20.0).abs() < 1e-12);
    // Two trials of 182 seconds to come, 72 and 157 seconds left of two others, two at once.
    assert_eq!(seconds(view::job_eta(&view)), Some(297));
    view.snapshot.job.budget.max_duration = Some(view.snapshot.active + jiff::SignedDuration::from_secs(60));
    assert_eq!(seconds(view::job_eta(&view)), Some(60));
    view.snapshot.trials[16].progress.step = Some(3);
    assert_eq!(view::trial_eta(view.trial(17).unwrap(), view.now), None);
    view.status.suspended = true;
    assert_eq!(view::job_eta(&view), None);
}

#[test]
fn a_parameter_is_chosen_by_its_name() {
    assert_eq!(view::plotted_parameter(&run::running(), None), Ok(0));
    assert_eq!(
        view::plotted_parameter(&run::running(), Some("learning_rate")),
        Ok(0)
    );
    let fault = view::plotted_parameter(&run::running(), Some("lr")).unwrap_err();
    assert_eq!(fault, "there is no parameter \"lr\": choose one of learning_rate");
}

#[test]
fn exports_as_text() {
    let text = |format| String::from_utf8(view::export(&run::running(), format).unwrap()).unwrap();
    golden("view_export.csv", &text(Format::Csv));
    golden("view_export.json", &text(Format::Json));
}

#[test]
fn nothing_that_a_program_wrote_reaches_the_terminal_raw() {
    let view = run::running();
    let texts = [
        view::table(&view, None),
        view::report(&view, None),
        view::explain(&view, 10).unwrap(),
        screen(&view, 120, 40),
        view::terminal(&plot(&view), 80, 24, false),
    ];
    for text in texts {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}
