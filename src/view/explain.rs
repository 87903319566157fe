//! Why this point: the numbers that made a proposal, and what came out of it.

use super::RunView;
use super::cells::{state, value_now};
use super::numbers::{aligned, duration, escape, rough, short};
use crate::optimizer::{Indices, Known, ModelWhy, Role, Why};
use crate::space::{Domain, Scale};
use crate::tuning::{AtEnd, Trial};

/// Why the trial with this index is where it is, over several lines; `None` if there is no such trial.
pub fn explain(view: &RunView, index: u32) -> Option<String> {
    let trial = view.trial(index)?;
    let name = view.snapshot.job.trial_name(index);
    let mut lines = vec![
        format!("{name}: {}", view.assignment(&trial.point)),
        String::new(),
    ];
    lines.push(role(view, trial));
    if trial.why.role != Role::Manual {
        lines.push(conditions(&trial.why));
    }
    lines.extend(left_out(&trial.why));
    lines.extend(expectation(view, &trial.why));
    lines.extend(models(view, &trial.why));
    lines.push(String::new());
    lines.extend(result(view, trial));
    Some(lines.join("\n") + "\n")
}

fn role(view: &RunView, trial: &Trial) -> String {
    let strategy = view.snapshot.job.strategy.word();
    match trial.why.role {
        Role::Startup => "One of the first points, spread over the space before there is a model.".into(),
        Role::Explore => "Exploration: a point where much may be learned or won.".into(),
        Role::Exploit => "Exploitation: the point where the model expects the best value.".into(),
        Role::Sampled => format!("Drawn by strategy {strategy}, without looking at any result."),
        Role::Promoted => {
            let resource = trial.resource.map_or("more".to_owned(), |r| r.to_string());
            format!("Promoted: it did well with less, and goes on with resource {resource}.")
        }
        Role::Replicate => format!(
            "One of the best points, tried again with another seed (TUNING_REPLICATE {}).",
            trial.why.replicate
        ),
        Role::Manual => "A person's own choice, not the optimizer's.".into(),
    }
}

fn conditions(why: &Why) -> String {
    let plural = |n: u32| if n == 1 { "" } else { "s" };
    let (seen, open) = (why.n_observed, why.n_pending);
    let which = |of: fn(&Known) -> &Indices| {
        let indices = why.known.as_ref().map(of).filter(|indices| !indices.is_empty());
        indices.map_or(String::new(), |indices| format!(" ({indices})"))
    };
    let (observed, pending) = (which(|k| &k.observed), which(|k| &k.pending));
    match (seen, open) {
        (0, 0) => "Nothing was known at that moment.".into(),
        (_, 0) => format!(
            "It was chosen knowing {seen} finished trial{}{observed}; none was running.",
            plural(seen)
        ),
        _ => format!(
            "It was chosen knowing {seen} finished trial{}{observed} and minding {open} that had no result yet{pending}.",
            plural(seen)
        ),
    }
}

/// What the model learned from, where that is not everything.
fn left_out(why: &Why) -> Option<String> {
    let (all, kept) = (why.n_observed, why.n_observed.saturating_sub(why.n_left_out));
    (why.n_left_out > 0).then(|| {
        format!(
            "The model learned from {} of {} trials: the best, the most recent, and ones spread over the rest.",
            thousands(kept),
            thousands(all)
        )
    })
}

fn expectation(view: &RunView, why: &Why) -> Vec<String> {
    let metric = escape(view.metric());
    let mut lines = Vec::new();
    if let (Some(mean), Some(sd)) = (why.mean, why.sd) {
        lines.push(format!(
            "The model expected {metric} {} ± {} there (mean ± sd).",
            aligned(mean),
            short(sd)
        ));
    }
    if let Some(log_ei) = why.acquisition {
        let ei = rough(log_ei.exp());
        lines.push(format!(
            "Expected improvement over the best so far: {ei} standard deviations of the results (log {}).",
            short(log_ei)
        ));
    }
    if let (Some(gain), Some(noise)) = (why.gain, why.noise) {
        lines.push(format!(
            "In {metric} that is {}; by chance a trial there varies by {} (sd).",
            rough(gain),
            rough(noise)
        ));
    }
    if let Some(p) = why.feasibility {
        lines.push(format!(
            "Probability that a trial there succeeds: {} %.",
            short(100.0 * p)
        ));
    }
    lines
}

fn models(view: &RunView, why: &Why) -> Vec<String> {
    let parameters = view.snapshot.job.space.parameters();
    let line = |model: &ModelWhy| {
        let scales = parameters.iter().zip(&model.length_scales);
        let scales: Vec<_> = scales
            .map(|(p, l)| format!("{} {}", p.name(), length_scale(p.domain(), *l)))
            .collect();
        let kernel = match model.kernel {
            "matern52" => "Matérn 5/2",
            "rbf" => "RBF",
            other => other,
        };
        let noise = rough(model.noise.sqrt());
        format!(
            "  {kernel}, weight {} %: results are alike within {}; noise sd {noise}, signal sd {}",
            rough(100.0 * model.weight),
            scales.join(", "),
            rough(model.signal.sqrt())
        )
    };
    let mut lines: Vec<String> = why.models.iter().map(line).collect();
    if !lines.is_empty() {
        lines.insert(0, "Models (sd in standard deviations of the results):".into());
    }
    lines
}

/// A count with a comma before each group of three digits.
fn thousands(n: u32) -> String {
    match n / 1000 {
        0 => n.to_string(),
        more => format!("{},{:03}", thousands(more), n % 1000),
    }
}

/// A length of the unit cube in the parameter's own terms.
fn length_scale(domain: &Domain, l: f64) -> String {
    match domain {
        Domain::Double { min, max, scale } => in_range(*scale, *min, *max, l),
        Domain::Integer { min, max, scale, .. } => in_range(*scale, *min as f64, *max as f64, l),
        Domain::Discrete { values } => {
            format!("± {} places of its list", rough(l * (values.len() - 1) as f64))
        }
        Domain::Categorical { .. } => format!("± {} (0: words have nothing in common)", rough(l)),
    }
}

fn in_range(scale: Scale, min: f64, max: f64, l: f64) -> String {
    match scale {
        Scale::Linear => format!("± {}", rough(l * (max - min))),
        Scale::Log => format!("a factor of {}", rough((max / min).powf(l))),
        Scale::ReverseLog => {
            format!(
                "a factor of {} in the distance to 1",
                rough(((1.0 - min) / (1.0 - max)).powf(l))
            )
        }
    }
}

fn result(view: &RunView, trial: &Trial) -> Vec<String> {
    let metric = escape(view.metric());
    let value = value_now(trial);
    let came = match value {
        Some(v) if trial.phase.is_final() => format!("What came of it: {metric} {}", aligned(v)),
        Some(v) => format!("So far: {metric} {}", aligned(v)),
        None if trial.phase.is_final() => "What came of it: no value".into(),
        None => "No value yet".into(),
    };
    let time = duration(trial.duration(view.now));
    let mut lines = vec![format!(
        "{came} ({}, {time}).{}",
        state(trial),
        surprise(&trial.why, value)
    )];
    if !trial.message.is_empty() {
        lines.push(format!("It says: {}", escape(&trial.message)));
    }
    if view.status.best.map(|b| b.index) == Some(trial.index) {
        lines.push("It is the best observation of the run.".into());
    }
    lines.extend(ends(view, trial));
    lines
}

/// What lies at the same end of a range as the best trials do.
fn ends(view: &RunView, trial: &Trial) -> Vec<String> {
    let job = &view.snapshot.job;
    let is_there = |end: &&AtEnd| end.is_at(job, &trial.point);
    let ends = view.ends.iter().filter(is_there);
    ends.map(|end| format!("{}.", escape(&end.sentence(job))))
        .collect()
}

/// How far the value lies from the expectation.
fn surprise(why: &Why, value: Option<f64>) -> String {
    let (Some(mean), Some(sd), Some(value)) = (why.mean, why.sd, value) else {
        return String::new();
    };
    if sd <= 0.0 {
        return String::new();
    }
    let z = (value - mean) / sd;
    let side = if z < 0.0 { "below" } else { "above" };
    format!(
        " That is {} sd {side} the expectation, noise aside.",
        rough(z.abs())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_scales_speak_the_parameters_language() {
        let double = |min, max, scale| Domain::Double { min, max, scale };
        assert_eq!(
            length_scale(&double(1e-6, 1e-4, Scale::Log), 0.5),
            "a factor of 10"
        );
        assert_eq!(length_scale(&double(0.0, 8.0, Scale::Linear), 0.25), "± 2");
        let momentum = double(0.9, 0.999, Scale::ReverseLog);
        assert_eq!(
            length_scale(&momentum, 0.5),
            "a factor of 10 in the distance to 1"
        );
        let batch = Domain::Discrete {
            values: vec![8.0, 16.0, 32.0],
        };
        assert_eq!(length_scale(&batch, 0.5), "± 1 places of its list");
    }

    #[test]
    fn what_a_model_left_out_is_said() {
        let mut why = Why::manual();
        assert_eq!(left_out(&why), None);
        (why.n_observed, why.n_left_out) = (1_000, 744);
        let said = left_out(&why).unwrap();
        assert!(
            said.starts_with("The model learned from 256 of 1,000 trials: the best"),
            "{said}"
        );
        assert_eq!(thousands(1_234_007), "1,234,007");
    }
}
