//! The lines that `tuning ask-tell` understands: every field is known and none that matters is missing.

use crate::metrics::quote_bare_numbers;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

/// One line.
pub(super) enum Message {
    /// A run begins.
    Start(Start),
    /// A run goes on.
    Tell(Tell),
}

/// What is to be tuned.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    /// What may vary, and what stays as it is.
    pub space: Vec<Dimension>,
    /// Trials in all.
    pub n: u32,
    /// Trials at once.
    pub parallel: u32,
    /// Which way is better.
    pub direction: Direction,
    /// Makes the run repeatable.
    #[serde(default)]
    pub seed: u64,
    /// Points that are wanted now.
    pub want: usize,
}

/// What came of trials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tell {
    /// Values of points that were asked or added.
    #[serde(default)]
    pub tell: Vec<Told>,
    /// Points of one's own.
    #[serde(default)]
    pub add: Vec<Added>,
    /// Points that are wanted now.
    #[serde(default)]
    pub want: usize,
    /// Whether the run is over.
    #[serde(default)]
    pub done: bool,
}

/// The value of one point.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// The point's number.
    pub id: Json,
    /// What was measured.
    pub value: Measured,
}

/// A point of one's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Added {
    /// Where it is.
    pub params: Map<String, Json>,
    /// What was measured there; without it, the point is under way.
    #[serde(default, deserialize_with = "present")]
    pub value: Option<Measured>,
}

/// A value; `None` for a trial that failed: null, NaN and the infinities.
#[derive(Clone, Copy)]
pub(super) struct Measured(pub Option<f64>);

impl<'de> Deserialize<'de> for Measured {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = match Json::deserialize(from)? {
            Json::Null => None,
            Json::Number(number) => number.as_f64(),
            Json::String(word) if word.parse().is_ok_and(|x: f64| !x.is_finite()) => None,
            other => {
                let message = format!("value: {other} is neither a number nor null");
                return Err(serde::de::Error::custom(message));
            }
        };
        Ok(Self(value.filter(|value| value.is_finite())))
    }
}

/// Null is a value too.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Measured>, D::Error> {
    Measured::deserialize(from).map(Some)
}

/// Which way is better.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    Maximize,
    Minimize,
}

/// One parameter.
#[derive(Deserialize)]
#[serde(try_from = "Fields")]
pub(super) struct Dimension {
    /// Its name, which may be any text.
    pub name: String,
    /// Its values.
    pub kind: Kind,
}

/// The values of a parameter.
pub(super) enum Kind {
    Float { low: f64, high: f64, log: bool },
    Int { low: i64, high: i64, log: bool },
    Categorical { choices: Vec<Json>, ordered: bool },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    #[serde(rename = "type")]
    kind: Word,
    low: Option<serde_json::Number>,
    high: Option<serde_json::Number>,
    log: Option<bool>,
    choices: Option<Vec<Json>>,
    ordered: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Float,
    Int,
    Categorical,
}

impl TryFrom<Fields> for Dimension {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let name = fields.name;
        let is_list = fields.kind == Word::Categorical;
        let strangers = [
            ("low", is_list && fields.low.is_some()),
            ("high", is_list && fields.high.is_some()),
            ("log", is_list && fields.log.is_some()),
            ("choices", !is_list && fields.choices.is_some()),
            ("ordered", !is_list && fields.ordered.is_some()),
        ];
        if let Some((field, _)) = strangers.iter().find(|(_, set)| *set) {
            return Err(format!("{name}: {field} is no field of this type"));
        }
        let missing = |field: &str| format!("{name}: {field} is missing");
        let [low, high] =
            [("low", fields.low), ("high", fields.high)].map(|(field, x)| x.ok_or_else(|| missing(field)));
        let whole = |x: serde_json::Number| {
            x.as_i64()
                .ok_or_else(|| format!("{name}: {x} is not a whole number"))
        };
        let log = fields.log.unwrap_or(false);
        let kind = match fields.kind {
            Word::Float => Kind::Float {
                low: low?.as_f64().unwrap_or(f64::NAN),
                high: high?.as_f64().unwrap_or(f64::NAN),
                log,
            },
            Word::Int => Kind::Int {
                low: whole(low?)?,
                high: whole(high?)?,
                log,
            },
            Word::Categorical => Kind::Categorical {
                choices: fields.choices.ok_or_else(|| missing("choices"))?,
                ordered: fields.ordered.unwrap_or(false),
            },
        };
        Ok(Self { name, kind })
    }
}

/// Reads a line; the error is a sentence. Python writes `NaN` and `Infinity` bare, which is no JSON: they are understood.
pub(super) fn read(line: &str) -> Result<Message, String> {
    let message: Json =
        serde_json::from_str(&quote_bare_numbers(line)).map_err(|e| format!("not a JSON object: {e}"))?;
    if message.get("space").is_some() {
        let start = serde_json::from_value(message).map_err(|e| format!("start: {e}"))?;
        return Ok(Message::Start(start));
    }
    let says_anything = message.get("tell").or(message.get("add")).is_some();
    let tell = serde_json::from_value(message).map_err(|e| format!("tell: {e}"))?;
    match says_anything {
        true => Ok(Message::Tell(tell)),
        false => Err("tell: missing field `tell`: an empty list asks for points alone".into()),
    }
}
