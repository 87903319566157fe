//! The wire form of what a job remembers of a trial: its point and why it was proposed.
//!
//! Doubles are written with the shortest text that reads back to the same bits, so a record can be replayed exactly.

use crate::optimizer::{Indices, Known, ModelWhy, Proposal, Role, Why};
use crate::space::{Domain, Parameter, Point, SearchSpace, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values of parameters by name.
pub type Assignment = BTreeMap<String, serde_json::Value>;

/// A proposal as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposalRecord {
    /// The point.
    pub parameters: Assignment,
    /// What the trial may spend, where the strategy rations that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<u32>,
    /// Why this point.
    pub why: WhyRecord,
}

/// Why a point was proposed; see `optimizer::Why` for the units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhyRecord {
    /// What kind of step it is.
    pub role: RoleRecord,
    /// Number of the optimizer's method, 1 where it is absent; another method's proposal can't be made again.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    #[schemars(range(min = 1))]
    pub method: u32,
    /// How many trials were at this very point before; the program finds it in `TUNING_REPLICATE`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replicate: u32,
    /// Posterior mean of the objective there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Posterior standard deviation of the objective there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd: Option<f64>,
    /// Logarithm of the expected improvement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquisition: Option<f64>,
    /// The expected improvement in the objective's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// Standard deviation of a trial's value by chance, in the objective's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// Probability of success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feasibility: Option<f64>,
    /// Finished trials that were known.
    pub observed: u32,
    /// How many of them the model left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
    /// Running trials that it was conditioned on.
    pub pending: u32,
    /// The models that were averaged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelRecord>,
    /// Numbers of the finished trials that were known, such as `1-7,9`; absent where nobody has written them down, such as for a
    /// person's own trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_INDICES), regex(pattern = "^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$"))]
    pub observed_trials: Option<String>,
    /// Numbers of the running trials that it was conditioned on, earlier ones of the same batch among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_INDICES), regex(pattern = "^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$"))]
    pub pending_trials: Option<String>,
}

/// Longest list of trials that is written down, in characters: more than a thousand gaps.
const MAX_INDICES: usize = 16_384;

fn first() -> u32 {
    1
}

fn is_first(n: &u32) -> bool {
    *n == first()
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What kind of step a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the same words as optimizer::Role")]
pub enum RoleRecord {
    Startup,
    Explore,
    Exploit,
    Sampled,
    Promoted,
    Replicate,
    Manual,
}

/// One fitted model; see `optimizer::ModelWhy` for the units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelRecord {
    /// Its kernel.
    pub kernel: String,
    /// Its share.
    pub weight: f64,
    /// Length scale of each parameter.
    pub length_scales: Vec<f64>,
    /// Noise variance.
    pub noise: f64,
    /// Signal variance.
    pub signal: f64,
}

/// A point as values by name.
pub fn assignment(space: &SearchSpace, point: &Point) -> Assignment {
    let json = |v: &Value| match v {
        Value::Double(x) => serde_json::json!(x),
        Value::Integer(x) => serde_json::json!(x),
        Value::Text(x) => serde_json::json!(x),
    };
    space
        .assignment(point)
        .map(|(name, value)| (name.to_owned(), json(value)))
        .collect()
}

/// Values by name as a point; the name of the first parameter that is missing or out of its domain is the error.
pub fn point(space: &SearchSpace, assignment: &Assignment) -> Result<Point, String> {
    let value = |p: &Parameter| {
        let json = assignment.get(p.name())?;
        let value = match p.domain() {
            Domain::Double { .. } | Domain::Discrete { .. } => Value::Double(json.as_f64()?),
            Domain::Integer { .. } => Value::Integer(json.as_i64()?),
            Domain::Categorical { .. } => Value::Text(json.as_str()?.to_owned()),
        };
        p.to_unit(&value).map(|_| value)
    };
    let values = space
        .parameters()
        .iter()
        .map(|p| value(p).ok_or_else(|| p.name().to_owned()));
    values.collect::<Result<Vec<_>, _>>().map(Point)
}

impl ProposalRecord {
    /// Records a proposal.
    pub fn new(space: &SearchSpace, proposal: &Proposal) -> Self {
        Self {
            parameters: assignment(space, &proposal.point),
            resource: proposal.resource,
            why: WhyRecord::from(&proposal.why),
        }
    }
}

impl From<&Why> for WhyRecord {
    fn from(why: &Why) -> Self {
        Self {
            role: why.role.into(),
            method: why.method,
            replicate: why.replicate,
            mean: finite(why.mean),
            sd: finite(why.sd),
            acquisition: finite(why.acquisition),
            gain: finite(why.gain),
            noise: finite(why.noise),
            feasibility: finite(why.feasibility),
            observed: why.n_observed,
            left_out: why.n_left_out,
            pending: why.n_pending,
            models: why
                .models
                .iter()
                .map(ModelRecord::from)
                .filter(ModelRecord::is_finite)
                .collect(),
            observed_trials: listed(why, |known| &known.observed),
            pending_trials: listed(why, |known| &known.pending),
        }
    }
}

/// Numbers of trials, unless they are too many to write down.
fn listed(why: &Why, of: fn(&Known) -> &Indices) -> Option<String> {
    let text = of(why.known.as_ref()?).to_string();
    (text.len() <= MAX_INDICES).then_some(text)
}

fn known(record: &WhyRecord) -> Option<Known> {
    Some(Known {
        observed: record.observed_trials.as_ref()?.parse().ok()?,
        pending: record.pending_trials.as_ref()?.parse().ok()?,
    })
}

/// JSON has no word for the others, and a schema no place.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|v| v.is_finite())
}

impl ModelRecord {
    fn is_finite(&self) -> bool {
        let own = [self.weight, self.noise, self.signal];
        own.iter().chain(&self.length_scales).all(|v| v.is_finite())
    }
}

impl From<&WhyRecord> for Why {
    fn from(record: &WhyRecord) -> Self {
        Self {
            role: record.role.into(),
            method: record.method,
            replicate: record.replicate,
            mean: record.mean,
            sd: record.sd,
            acquisition: record.acquisition,
            gain: record.gain,
            noise: record.noise,
            feasibility: record.feasibility,
            n_observed: record.observed,
            n_left_out: record.left_out,
            n_pending: record.pending,
            models: record.models.iter().map(ModelWhy::from).collect(),
            known: known(record),
        }
    }
}

impl From<&ModelWhy> for ModelRecord {
    fn from(m: &ModelWhy) -> Self {
        let (weight, noise, signal) = (m.weight, m.noise, m.signal);
        Self {
            kernel: m.kernel.to_owned(),
            weight,
            length_scales: m.length_scales.clone(),
            noise,
            signal,
        }
    }
}

impl From<&ModelRecord> for ModelWhy {
    fn from(m: &ModelRecord) -> Self {
        let kernel = ["matern52", "rbf"]
            .into_iter()
            .find(|k| *k == m.kernel)
            .unwrap_or("unknown");
        let (weight, noise, signal) = (m.weight, m.noise, m.signal);
        Self {
            kernel,
            weight,
            length_scales: m.length_scales.clone(),
            noise,
            signal,
        }
    }
}

macro_rules! same_words {
    ($a:ty, $b:ty, $($word:ident)+) => {
        impl From<$a> for $b {
            fn from(value: $a) -> Self {
                match value { $(<$a>::$word => <$b>::$word,)+ }
            }
        }
        impl From<$b> for $a {
            fn from(value: $b) -> Self {
                match value { $(<$b>::$word => <$a>::$word,)+ }
            }
        }
    };
}
pub(super) use same_words;

same_words!(Role, RoleRecord, Startup Explore Exploit Sampled Promoted Replicate Manual);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_recorded_only_where_there_is_any() {
        let mut why = Why::manual();
        let old = serde_json::to_value(WhyRecord::from(&why)).unwrap();
        assert!(old.get("leftOut").is_none());
        let read: WhyRecord = serde_json::from_value(old).unwrap();
        assert_eq!(Why::from(&read), why);
        why.n_left_out = 744;
        let new = serde_json::to_value(WhyRecord::from(&why)).unwrap();
        assert_eq!(new["leftOut"], 744);
        let read: WhyRecord = serde_json::from_value(new).unwrap();
        assert_eq!(Why::from(&read), why);
    }
    #[test]
    fn the_trials_that_were_known_are_recorded_and_an_older_record_has_none() {
        let mut why = Why::manual();
        let old = serde_json::to_value(WhyRecord::from(&why)).unwrap();
        assert!(old.get("observedTrials").is_none());
        assert_eq!(
            Why::from(&serde_json::from_value::<WhyRecord>(old).unwrap()).known,
            None
        );
        why.known = Some(Known {
            observed: (1..=7).chain([9]).collect(),
            pending: [8, 10].into_iter().collect(),
        });
        let new = serde_json::to_value(WhyRecord::from(&why)).unwrap();
        assert_eq!(
            (&new["observedTrials"], &new["pendingTrials"]),
            (&"1-7,9".into(), &"8,10".into())
        );
        let mut read: WhyRecord = serde_json::from_value(new).unwrap();
        assert_eq!(Why::from(&read), why);
        read.pending_trials = Some("10,8".into());
        assert_eq!(Why::from(&read).known, None, "not what was recorded");
        why.known = Some(Known {
            observed: (1..20_000).map(|i| 2 * i).collect(),
            pending: Indices::default(),
        });
        assert_eq!(
            WhyRecord::from(&why).observed_trials,
            None,
            "too many for a schema"
        );
    }
}
