//! The optimizer over standard input and output: one JSON object a line.

use super::ask_tell_message::{
    Added, Dimension, Direction, Kind, Measured, Message, Start, Tell, Told, read,
};
use crate::optimizer::{Goal, Observation, Outcome, Pending, Request, Strategy, recommend, suggest};
use crate::space::{Domain, Parameter, Point, Scale, SearchSpace, Value};
use serde_json::{Map, Value as Json, json};
use std::io::{BufRead, Write};

/// The protocol, as help.
pub const PROTOCOL: &str = r#"One JSON object a line, in and out:
  in   {"space":[{"name":"lr","type":"float","low":5e-6,"high":5e-4,"log":true}],
        "n":30,"parallel":3,"direction":"maximize","seed":7,"want":3}
  out  {"ask":[{"id":0,"params":{"lr":5e-5}},…],"recommends":true}
  in   {"tell":[{"id":0,"value":0.86},{"id":1,"value":null}],"want":1}      null, NaN: that trial failed
  out  {"ask":[…]}                                  "exhausted":true beside it: fewer than were wanted are left
  in   {"add":[{"params":{"lr":3e-5},"value":0.84},{"params":{"lr":1e-5}}]}  points of your own; without a
  out  {"ask":[],"added":[{"id":4,…},{"id":5,…}]}                            value, it is yet to be told
  in   {"tell":[…],"want":0,"done":true}
  out  {"recommend":{"lr":6.1e-5},"mean":0.87,"low":0.85,"high":0.89}        what to expect there, 90 %
Types are float, int (bounds inclusive; "log" for both) and categorical with "choices" and "ordered".
After "done" another run may follow. What can't be understood is answered by {"error":"…"}: unknown and missing
fields too. Of such a line nothing is taken."#;

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
    match read(line)? {
        Message::Start(start) => {
            let want = start.want;
            let dialogue = current.insert(Dialogue::new(start)?);
            let mut answer = dialogue.ask(want);
            answer["recommends"] = true.into();
            Ok(Some(answer))
        }
        Message::Tell(tell) => {
            let dialogue = current
                .as_mut()
                .ok_or("tell: no run has been started: send a line with \"space\" first")?;
            let added = dialogue.take(&tell)?;
            let mut answer = match tell.done {
                true => dialogue.recommend(),
                false => dialogue.ask(tell.want),
            };
            if !added.is_empty() {
                answer["added"] = added.into();
            }
            Ok(Some(answer))
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
            replicates: 0,
            seed: self.seed,
        }
    }

    fn ask(&mut self, want: usize) -> Json {
        let points: Vec<Point> = match (want, self.varying.is_empty()) {
            (0, _) => vec![],
            (_, true) => vec![Point(vec![]); want],
            (_, false) => suggest(&self.request(want))
                .into_iter()
                .map(|p| p.point)
                .collect(),
        };
        let is_exhausted = points.len() < want;
        let asks: Vec<Json> = points
            .into_iter()
            .map(|point| self.put_under_way(point))
            .collect();
        let mut answer = json!({"ask": asks});
        if is_exhausted {
            answer["exhausted"] = true.into();
        }
        answer
    }

    /// Gives a point its number; the answer names both.
    fn put_under_way(&mut self, point: Point) -> Json {
        let index = self.n_asked;
        self.n_asked += 1;
        let named = json!({"id": index, "params": self.params(&point)});
        self.pending.push(Pending {
            index,
            point,
            resource: None,
        });
        named
    }

    /// Takes in all that a line says, or nothing of it; the answer names the points that were added.
    fn take(&mut self, message: &Tell) -> Result<Vec<Json>, String> {
        for (i, Told { id, .. }) in message.tell.iter().enumerate() {
            if message.tell[..i].iter().any(|earlier| earlier.id == *id) {
                return Err(format!("tell: id {id} is told twice"));
            }
            if !self.pending.iter().any(|p| *id == p.index) {
                return Err(format!("tell: id {id} is not under way"));
            }
        }
        let own = |added: &Added| Ok((self.point(&added.params)?, added.value));
        let own: Vec<(Point, Option<Measured>)> =
            message.add.iter().map(own).collect::<Result<_, String>>()?;
        for told in &message.tell {
            self.finish(&told.id, told.value);
        }
        let take = |(point, value): (Point, Option<Measured>)| {
            let named = self.put_under_way(point);
            if let Some(value) = value {
                self.finish(&named["id"], value);
            }
            named
        };
        Ok(own.into_iter().map(take).collect())
    }

    /// A point that is under way has its value.
    fn finish(&mut self, id: &Json, Measured(value): Measured) {
        let Some(at) = self.pending.iter().position(|p| *id == p.index) else {
            return;
        };
        let pending = self.pending.remove(at);
        self.history.push(Observation {
            index: pending.index,
            point: pending.point,
            outcome: value.map_or(Outcome::Failed, Outcome::Value),
            resource: None,
        });
    }

    /// A point of a person's own; the error names the parameter.
    fn point(&self, params: &Map<String, Json>) -> Result<Point, String> {
        let is_known = |name: &&String| self.dimensions.iter().any(|d| d.name == **name);
        if let Some(stranger) = params.keys().find(|name| !is_known(name)) {
            return Err(format!("add: params.{stranger}: the space has no such parameter"));
        }
        let mut values = Vec::new();
        for (i, dimension) in self.dimensions.iter().enumerate() {
            let name = &dimension.name;
            let given = params
                .get(name)
                .ok_or_else(|| format!("add: params.{name} is missing"))?;
            let column = self.varying.iter().position(|v| *v == i);
            let value = internal(dimension, given).filter(|value| match column {
                Some(column) => self.space.parameters()[column].to_unit(value).is_some(),
                None => internal(dimension, &external(dimension, None)).as_ref() == Some(value),
            });
            let value = value.ok_or_else(|| format!("add: params.{name}: {given} is none of its values"))?;
            values.extend(column.map(|_| value));
        }
        Ok(Point(values))
    }

    /// The recommended point and what to expect there; while there is none, the best that is known, or the first that was asked.
    fn recommend(&self) -> Json {
        if let Some(best) = recommend(&self.request(1)).filter(|_| !self.varying.is_empty()) {
            let params = self.params(&best.point);
            let (low, high) = best.interval.map(|i| (i.low, i.high)).unzip();
            return json!({"recommend": params, "mean": best.mean, "low": low, "high": high});
        }
        let succeeded = self
            .history
            .iter()
            .find(|o| matches!(o.outcome, Outcome::Value(_)));
        let point = succeeded.or(self.history.first()).map(|o| o.point.clone());
        let point = point.unwrap_or_else(|| self.space.from_unit(&vec![0.5; self.space.dimension()]));
        json!({"recommend": self.params(&point)})
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

/// A value of the protocol as one of a dimension's domain, if it is of its type.
fn internal(dimension: &Dimension, given: &Json) -> Option<Value> {
    match &dimension.kind {
        Kind::Float { .. } => Some(Value::Double(given.as_f64()?)),
        Kind::Int { .. } => Some(Value::Integer(given.as_i64()?)),
        Kind::Categorical { choices, ordered } => {
            let place = choices.iter().position(|choice| choice == given)?;
            Some(match ordered {
                true => Value::Double(place as f64),
                false => Value::Text(place.to_string()),
            })
        }
    }
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
