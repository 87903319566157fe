//! Plots and exports as files: what other programs read. `VIEW_OUT=dir` keeps them there to be looked at.
#![cfg(feature = "local")]

#[path = "golden/view_run.rs"]
mod run;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use tuning_operator::optimizer::Role;
use tuning_operator::space::{Domain, Parameter, Point, Scale, Value};
use tuning_operator::tuning::{Phase, Snapshot, Trial, status};
use tuning_operator::view::{self, Format, Plot, RunView};

fn keep(name: &str, bytes: &[u8]) {
    if let Some(dir) = std::env::var_os("VIEW_OUT") {
        std::fs::write(std::path::Path::new(&dir).join(name), bytes).unwrap();
    }
}

fn plot(view: &RunView, parameter: usize) -> Plot {
    let points = view::slice(view, parameter, 200);
    let predictions = if parameter == 0 {
        run::predictions(&points)
    } else {
        vec![]
    };
    Plot::new(view, parameter, &points, &predictions).unwrap()
}

/// A run with a parameter of every kind; all its trials succeeded but the last two.
fn mixed() -> RunView {
    let domains = [
        Domain::Double {
            min: 5e-6,
            max: 5e-4,
            scale: Scale::Log,
        },
        Domain::Integer {
            min: 1,
            max: 12,
            step: 1,
            scale: Scale::Linear,
        },
        Domain::Discrete {
            values: vec![8.0, 16.0, 32.0],
        },
        Domain::Categorical {
            values: vec!["adamw".into(), "=lamb\u{1b}[31m".into()],
        },
        Domain::Double {
            min: 0.9,
            max: 0.999,
            scale: Scale::ReverseLog,
        },
    ];
    let names = ["learning_rate", "layers", "batch_size", "optimizer", "momentum"];
    let parameters = names
        .into_iter()
        .zip(domains)
        .map(|(n, d)| Parameter::new(n, d).unwrap())
        .collect();
    let job = run::job(parameters);
    let trials = (1..=9u32).map(|i| {
        let u = f64::from(i) / 9.0;
        let mut t = Trial::new(
            i,
            job.space.from_unit(&[u; 5]),
            None,
            run::why(Role::Sampled, 0),
            run::time(0),
        );
        (t.phase, t.value) = (Phase::Succeeded, Some(0.85 + 0.2 * u * (1.0 - u)));
        t
    });
    let mut trials: Vec<Trial> = trials.collect();
    (trials[7].phase, trials[7].value) = (Phase::Queued, None);
    trials[8].value = Some(0.0);
    let snapshot = Snapshot {
        job,
        trials,
        ..run::running().snapshot
    };
    RunView {
        status: status(&snapshot, run::time(9)),
        snapshot,
        ends: vec![],
        model: None,
        recommendation: None,
        ..run::running()
    }
}

#[test]
fn pictures_are_drawn_without_a_font_on_the_machine() {
    for (name, view) in [("running", run::running()), ("done", run::done())] {
        let svg = view::svg(&plot(&view, 0)).unwrap();
        keep(&format!("{name}.svg"), svg.as_bytes());
        for word in [
            "mrpc: f1 against learning_rate",
            "width=\"880\" height",
            "learning_rate (log scale)",
            "5e-5",
            "recommended",
        ] {
            assert!(svg.contains(word), "{word} is missing");
        }
        let png = view::png(&plot(&view, 0)).unwrap();
        keep(&format!("{name}.png"), &png);
        let reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (1760, 1080));
        // Letters are drawn: more than a few kilobytes.
        assert!(png.len() > 20_000, "{}", png.len());
    }
}

#[test]
fn the_same_data_gives_the_same_picture() {
    let view = run::running();
    assert_eq!(
        view::png(&plot(&view, 0)).unwrap(),
        view::png(&plot(&view, 0)).unwrap()
    );
    assert_eq!(
        view::svg(&plot(&view, 0)).unwrap(),
        view::svg(&plot(&view, 0)).unwrap()
    );
}

#[test]
fn every_kind_of_parameter_has_a_plot() {
    let view = mixed();
    for parameter in 0..5 {
        let points = view::slice(&view, parameter, 50);
        assert!(points.len() >= 2, "{parameter}");
        let plot = plot(&view, parameter);
        keep(&format!("mixed{parameter}.png"), &view::png(&plot).unwrap());
        let text = view::terminal(&plot, 80, 20, false);
        assert!(text.contains('★') && text.contains('●'), "{text}");
        assert!(!view::svg(&plot).unwrap().contains('\u{1b}'));
    }
    assert_eq!(view::slice(&view, 3, 50).len(), 2);
    assert_eq!(Plot::new(&view, 5, &[], &[]), None);
}

#[test]
fn a_run_without_any_trial_has_views() {
    let mut view = run::running();
    view.snapshot.trials.clear();
    view.status = status(&view.snapshot, view.now);
    view.recommendation = None;
    let plot = Plot::new(&view, 0, &[], &[]).unwrap();
    assert!(view::svg(&plot).is_ok());
    assert!(view::terminal(&plot, 80, 20, false).contains("learning_rate"));
    assert!(view::report(&view, None).contains("none: no trial ended with f1"));
    assert_eq!(view::job_eta(&view), None);
    for format in [Format::Csv, Format::Json, Format::Parquet] {
        assert!(view::export(&view, format).is_ok(), "{format}");
    }
}

#[test]
fn parquet_reads_back_with_its_types() {
    let bytes = view::export(&mixed(), Format::Parquet).unwrap();
    keep("mixed.parquet", &bytes);
    keep(
        "running.parquet",
        &view::export(&run::running(), Format::Parquet).unwrap(),
    );
    let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let row = file.get_row_iter(None).unwrap().nth(1).unwrap().unwrap();
    let names: Vec<_> = row.get_column_iter().map(|(name, _)| name.clone()).collect();
    let place = |name: &str| names.iter().position(|n| n == name).unwrap();
    assert_eq!(row.get_string(place("trial")).unwrap(), "mrpc-0002");
    assert_eq!(row.get_long(place("index")).unwrap(), 2);
    let Point(values) = &mixed().snapshot.trials[1].point;
    assert_eq!(
        Value::Double(row.get_double(place("param_learning_rate")).unwrap()),
        values[0]
    );
    assert_eq!(
        Value::Integer(row.get_long(place("param_layers")).unwrap()),
        values[1]
    );
    assert_eq!(row.get_string(place("param_optimizer")).unwrap(), "adamw");
    let queued = file.get_row_iter(None).unwrap().nth(7).unwrap().unwrap();
    assert!(
        queued.get_double(place("value")).is_err(),
        "a queued trial has no value"
    );
}
