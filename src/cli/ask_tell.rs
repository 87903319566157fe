//! The optimizer over standard input and output: one JSON object a line.

use crate::optimizer::{Goal, Observation, Outcome, Pending, Request, Strategy, recommend, suggest};
use crate::space::{Domain, Parameter, Point, Scale, SearchSpace, Value};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use std::io::{BufRead, Write};

/// The protocol, as help.
pub const PROTOCOL: &str = r#"One JSON object a line, in and out:
  in   {"space":[{"name":"lr","type":"float","low":5e-6,"high":5e-4,"log":true}],
        "n":30,"parallel":3,"direction":"maximize","seed":7,"want":3}
  out  {"ask":[{"id":0,"params":{"lr":5e-5}},…],"recommends":true}
  in   {"tell":[{"id":0,"value":0.86},{"id":1,"value":null}],"want":1}      null: that trial failed
  out  {"ask":[…]}
  in   {"tell":[…],"want":0,"done":true}
  out  {"recommend":{"lr":6.1e-5}}
Types are float, int (bounds inclusive; "log" for both) and categorical with "choices" and "ordered".
After "done" another run may follow. What can't be understood is answered by {"error":"…"}."#;

#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Start(Start),
    Tell(Tell),
}

#[derive(Deserialize)]
struct Start {
    space: Vec<Dimension>,
    n: u32,
    parallel: u32,
    direction: Direction,
    #[serde(default)]
    seed: u64,
    want: usize,
}

#[derive(Deserialize)]
struct Tell {
    tell: Vec<Told>,
    #[serde(default)]
    want: usize,
    #[serde(default)]
    done: bool,
}

#[derive(Deserialize)]
struct Told {
    id: Json,
    value: Option<f64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Maximize,
    Minimize,
}

#[derive(Deserialize)]
struct Dimension {
    name: String,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Kind {
    Float {
        low: f64,
        high: f64,
        #[serde(default)]
        log: bool,
    },
    Int {
        low: i64,
        high: i64,
        #[serde(default)]
        log: bool,
    },
    Categorical {
        choices: Vec<Json>,
        #[serde(default)]
        ordered: bool,
    },
}

/// Answers every line until the input ends.
pub fn run(input: impl BufRead, mut output: impl Write) -> std::io::Result<()> {
    let mut current: Option<Dialogue> = None;
    for line in input.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = answer(&line, &mut current).unwrap_or_else(|message| Some(json!({"error": message})));
        if let Some(answer) = answer {
            writeln!(output, "{answer}")?;
            output.flush()?;
        }
    }
    Ok(())
}

fn answer(line: &str, current: &mut Option<Dialogue>) -> Result<Option<Json>, String> {
    let message: Json = serde_json::from_str(line).map_err(|e| format!("not a JSON object: {e}"))?;
    let is_start = message.get("space").is_some();
    let message = match is_start {
        true => serde_json::from_value(message).map(Message::Start),
        false => serde_json::from_value(message).map(Message::Tell),
    };
    match message.map_err(|e| format!("{}: {e}", if is_start { "start" } else { "tell" }))? {
        Message::Start(start) => {
            let want = start.want;
            let dialogue = current.insert(Dialogue::new(start)?);
            Ok(Some(json!({"ask": dialogue.ask(want), "recommends": true})))
        }
        Message::Tell(tell) => {
            let dialogue = current
                .as_mut()
                .ok_or("tell: no run has been started: send a line with \"space\" first")?;
            dialogue.tell(&tell.tell)?;
            Ok(match (tell.done, tell.want) {
                (true, _) => Some(json!({"recommend": dialogue.recommend()})),
                (false, want) => Some(json!({"ask": dialogue.ask(want)})),
            })
        }
    }
}

/// One run.
struct Dialogue {
    dimensions: Vec<Dimension>,
    /// Which dimensions vary; the others have a single value.
    varying: Vec<usize>,
    space: SearchSpace,
    goal: Goal,
    n: u32,
    parallel: u32,
    seed: u64,
    history: Vec<Observation>,
    pending: Vec<Pending>,
    n_asked: u32,
}

impl Dialogue {
    fn new(start: Start) -> Result<Self, String> {
        let mut varying = Vec::new();
        let mut parameters = Vec::new();
        for (i, dimension) in start.space.iter().enumerate() {
            let Some(domain) = domain(dimension)? else {
                continue;
            };
            // A name of the protocol may be any text: inside, a dimension goes by its number.
            let parameter = Parameter::new(format!("p{i}"), domain);
            parameters.push(parameter.map_err(|faults| {
                let faults: Vec<String> = faults
                    .iter()
                    .map(|f| format!("{}: {}", f.field, f.message))
                    .collect();
                format!("space: {}: {}", dimension.name, faults.join("; "))
            })?);
            varying.push(i);
        }
        Ok(Self {
            dimensions: start.space,
            varying,
            space: SearchSpace::new(parameters).map_err(|name| format!("space: {name} twice"))?,
            goal: match start.direction {
                Direction::Maximize => Goal::Maximize,
                Direction::Minimize => Goal::Minimize,
            },
            n: start.n,
            parallel: start.parallel,
            seed: start.seed,
            history: vec![],
            pending: vec![],
            n_asked: 0,
        })
    }

    fn request(&self, n: usize) -> Request<'_> {
        Request {
            space: &self.space,
            goal: self.goal,
            strategy: &Strategy::Bayesian,
            history: &self.history,
            prior: &[],
            pending: &self.pending,
            n,
            max_trials: self.n,
            parallel: self.parallel,
            seed: self.seed,
        }
    }

    fn ask(&mut self, want: usize) -> Vec<Json> {
        let points: Vec<Point> = if self.varying.is_empty() {
            vec![Point(vec![]); want]
        } else {
            suggest(&self.request(want))
                .into_iter()
                .map(|p| p.point)
                .collect()
        };
        let mut asks = Vec::new();
        for point in points {
            let index = self.n_asked;
            self.n_asked += 1;
            asks.push(json!({"id": index, "params": self.params(&point)}));
            self.pending.push(Pending {
                index,
                point,
                resource: None,
            });
        }
        asks
    }

    fn tell(&mut self, told: &[Told]) -> Result<(), String> {
        for one in told {
            let at = self.pending.iter().position(|p| one.id == p.index);
            let at = at.ok_or_else(|| format!("tell: id {} is not under way", one.id))?;
            let pending = self.pending.remove(at);
            let outcome = one.value.map_or(Outcome::Failed, Outcome::Value);
            self.history.push(Observation {
                index: pending.index,
                point: pending.point,
                outcome,
                resource: None,
            });
        }
        Ok(())
    }

    /// The recommended point; while there is none, the best that is known, or the first that was asked.
    fn recommend(&self) -> Json {
        if let Some(recommendation) = recommend(&self.request(1)).filter(|_| !self.varying.is_empty()) {
            return self.params(&recommendation.point);
        }
        let succeeded = self
            .history
            .iter()
            .find(|o| matches!(o.outcome, Outcome::Value(_)));
        let point = succeeded.or(self.history.first()).map(|o| o.point.clone());
        self.params(&point.unwrap_or_else(|| self.space.from_unit(&vec![0.5; self.space.dimension()])))
    }

    fn params(&self, point: &Point) -> Json {
        let mut params = Map::new();
        for (i, dimension) in self.dimensions.iter().enumerate() {
            let value = self
                .varying
                .iter()
                .position(|v| *v == i)
                .map(|column| &point.0[column]);
            params.insert(dimension.name.clone(), external(dimension, value));
        }
        Json::Object(params)
    }
}

/// The domain of a dimension; `None` where it has a single value.
fn domain(dimension: &Dimension) -> Result<Option<Domain>, String> {
    let scale = |log: &bool| if *log { Scale::Log } else { Scale::Linear };
    Ok(match &dimension.kind {
        Kind::Float { low, high, .. } if low == high => None,
        Kind::Float { low, high, log } => Some(Domain::Double {
            min: *low,
            max: *high,
            scale: scale(log),
        }),
        Kind::Int { low, high, .. } if low == high => None,
        Kind::Int { low, high, log } => Some(Domain::Integer {
            min: *low,
            max: *high,
            step: 1,
            scale: scale(log),
        }),
        Kind::Categorical { choices, .. } if choices.is_empty() => {
            return Err(format!("space: {}: choices is empty", dimension.name));
        }
        Kind::Categorical { choices, .. } if choices.len() == 1 => None,
        Kind::Categorical {
            choices,
            ordered: true,
        } => Some(Domain::Discrete {
            values: (0..choices.len()).map(|i| i as f64).collect(),
        }),
        Kind::Categorical { choices, .. } => Some(Domain::Categorical {
            values: (0..choices.len()).map(|i| i.to_string()).collect(),
        }),
    })
}

fn external(dimension: &Dimension, value: Option<&Value>) -> Json {
    match (&dimension.kind, value) {
        (Kind::Float { .. }, Some(Value::Double(x))) => json!(x),
        (Kind::Float { low, .. }, _) => json!(low),
        (Kind::Int { .. }, Some(Value::Integer(x))) => json!(x),
        (Kind::Int { low, .. }, _) => json!(low),
        (Kind::Categorical { choices, .. }, Some(Value::Double(i))) => choices[*i as usize].clone(),
        (Kind::Categorical { choices, .. }, Some(Value::Text(i))) => {
            choices[i.parse::<usize>().unwrap_or_default()].clone()
        }
        (Kind::Categorical { choices, .. }, _) => choices[0].clone(),
    }
}

#[cfg(test)]
#[path = "ask_tell_tests.rs"]
mod tests;
