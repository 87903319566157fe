//! The trials as a file for other programs: one row for each trial.
//!
//! Columns: `trial`, `index`, `phase`, `failure`, `value`, `param_NAME` for each parameter, `metric_NAME` for each metric
//! that any trial reported, `started`, `ended`, `duration_seconds`, `attempts`, `message`. Missing is empty in CSV and null
//! elsewhere.

mod parquet;
mod text;

use super::RunView;
use super::cells::state;
use super::numbers::escape;
use crate::space::{Domain, Value};
use crate::tuning::{Phase, Trial};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt;

/// Kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a line of names.
    Csv,
    /// An array of objects.
    Json,
    /// Apache Parquet, one row group, not compressed.
    Parquet,
}

/// A table that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the trials as {format}: {source}")]
pub struct ExportError {
    format: Format,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Parquet => "Parquet",
        })
    }
}

/// Writes the trials, by ascending index.
pub fn export(view: &RunView, format: Format) -> Result<Vec<u8>, ExportError> {
    let columns = columns(view);
    let written = match format {
        Format::Csv => text::csv(&columns),
        Format::Json => text::json(&columns),
        Format::Parquet => parquet::parquet(&columns),
    };
    written.map_err(|source| ExportError { format, source })
}

type Written = Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>>;

/// A named column, one cell for each trial.
struct Column {
    name: String,
    cells: Cells,
}

/// Cells of one type; `None` is missing.
enum Cells {
    Double(Vec<Option<f64>>),
    Integer(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Time(Vec<Option<Timestamp>>),
}

fn columns(view: &RunView) -> Vec<Column> {
    let job = &view.snapshot.job;
    let mut trials: Vec<&Trial> = view.snapshot.trials.iter().collect();
    trials.sort_by_key(|t| t.index);
    let texts = |f: &dyn Fn(&Trial) -> String| Cells::Text(trials.iter().map(|t| Some(f(t))).collect());
    let doubles = |f: &dyn Fn(&Trial) -> Option<f64>| Cells::Double(trials.iter().map(|t| f(t)).collect());
    let integers =
        |f: &dyn Fn(&Trial) -> u32| Cells::Integer(trials.iter().map(|t| Some(f(t).into())).collect());
    let times = |f: &dyn Fn(&Trial) -> Option<Timestamp>| Cells::Time(trials.iter().map(|t| f(t)).collect());
    let column = |name: &str, cells| Column {
        name: name.to_owned(),
        cells,
    };

    let mut columns = vec![
        column("trial", texts(&|t| job.name_of(t))),
        column("index", integers(&|t| t.index)),
        column("phase", texts(&|t| t.phase.word().to_owned())),
        column(
            "failure",
            Cells::Text(trials.iter().map(|t| failure(t)).collect()),
        ),
        column("value", doubles(&|t| t.value)),
    ];
    for (i, p) in job.space.parameters().iter().enumerate() {
        columns.push(column(
            &format!("param_{}", p.name()),
            parameter(p.domain(), &trials, i),
        ));
    }
    let metrics: BTreeSet<&str> = trials
        .iter()
        .flat_map(|t| t.metrics.keys())
        .map(String::as_str)
        .collect();
    for metric in metrics {
        let name = format!("metric_{}", escape(metric));
        columns.push(column(&name, doubles(&|t| t.metrics.get(metric).copied())));
    }
    columns.extend([
        column("started", times(&|t| t.started)),
        column("ended", times(&|t| t.ended)),
        column(
            "duration_seconds",
            doubles(&|t| t.started.map(|_| t.duration(view.now).as_secs_f64())),
        ),
        column("attempts", integers(&|t| t.attempts)),
        column("message", texts(&|t| escape(&t.message))),
    ]);
    columns
}

fn failure(trial: &Trial) -> Option<String> {
    matches!(trial.phase, Phase::Failed(_)).then(|| state(trial).to_owned())
}

/// The values of the parameter at this place, in its own type.
fn parameter(domain: &Domain, trials: &[&Trial], place: usize) -> Cells {
    let values = trials.iter().map(|t| t.point.0.get(place));
    match domain {
        Domain::Double { .. } | Domain::Discrete { .. } => Cells::Double(
            values
                .map(|v| {
                    if let Some(Value::Double(x)) = v {
                        Some(*x)
                    } else {
                        None
                    }
                })
                .collect(),
        ),
        Domain::Integer { .. } => Cells::Integer(
            values
                .map(|v| {
                    if let Some(Value::Integer(x)) = v {
                        Some(*x)
                    } else {
                        None
                    }
                })
                .collect(),
        ),
        Domain::Categorical { .. } => Cells::Text(
            values
                .map(|v| {
                    if let Some(Value::Text(x)) = v {
                        Some(x.clone())
                    } else {
                        None
                    }
                })
                .collect(),
        ),
    }
}

impl Cells {
    fn len(&self) -> usize {
        match self {
            Self::Double(cells) => cells.len(),
            Self::Integer(cells) => cells.len(),
            Self::Text(cells) => cells.len(),
            Self::Time(cells) => cells.len(),
        }
    }
}
