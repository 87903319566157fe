//! How much each class counts in the loss.

use super::example::{Example, Label};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Weights of the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) enum ClassWeights {
    /// Each class as much as any other, however rare it is: n / (k n_c), for n examples, k classes and n_c examples of the class.
    Balanced,
    /// These, the class 0 first.
    Each(Vec<f64>),
}

impl ClassWeights {
    /// A weight for each of `n_classes`, where `examples` are learned from.
    pub(super) fn of(&self, examples: &[Example], n_classes: usize) -> Vec<f64> {
        match self {
            Self::Each(weights) => weights.clone(),
            Self::Balanced => {
                let count = |class: usize| {
                    let is_it = |example: &&Example| example.label == Label::Class(class as u8);
                    examples.iter().filter(is_it).count()
                };
                // What does not occur can have any weight.
                let weight = |class| examples.len() as f64 / (n_classes * count(class).max(1)) as f64;
                (0..n_classes).map(weight).collect()
            }
        }
    }

    /// Whether they are weights of so many classes.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub(super) fn check(&self, n_classes: Option<usize>) -> Result<(), String> {
        match (self, n_classes) {
            (_, None) => Err("the task has no classes; leave it out".into()),
            (Self::Each(weights), Some(n)) if weights.len() != n => {
                Err(format!("the task has {n} classes; give as many numbers"))
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for ClassWeights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "balanced" {
            return Ok(Self::Balanced);
        }
        let weight = |part: &str| {
            part.trim()
                .parse::<f64>()
                .ok()
                .filter(|weight| *weight > 0.0 && *weight <= 1e6)
        };
        let weights: Option<Vec<f64>> = text.split(',').map(weight).collect();
        weights.map(Self::Each).ok_or_else(|| {
            "write balanced, or a number above 0 for each class, with commas between".to_owned()
        })
    }
}

impl TryFrom<String> for ClassWeights {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ClassWeights> for String {
    fn from(weights: ClassWeights) -> Self {
        weights.to_string()
    }
}

impl fmt::Display for ClassWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Balanced => f.write_str("balanced"),
            Self::Each(weights) => {
                let texts: Vec<String> = weights.iter().map(f64::to_string).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(classes: &[u8]) -> Vec<Example> {
        let example = |class: &u8| Example {
            ids: vec![1],
            types: vec![0],
            label: Label::Class(*class),
        };
        classes.iter().map(example).collect()
    }

    #[test]
    fn balanced_classes_weigh_the_same_together() {
        let weights = ClassWeights::Balanced.of(&examples(&[0, 1, 1, 1]), 2);
        assert_eq!(weights, [2.0, 4.0 / 6.0]);
        assert_eq!(ClassWeights::Balanced.of(&examples(&[0]), 2)[0], 0.5);
    }

    #[test]
    fn they_are_read_and_written_alike() {
        for text in ["balanced", "1,2.5", "0.5,1,3"] {
            let weights: ClassWeights = text.parse().unwrap();
            assert_eq!(weights.to_string(), text);
        }
        for text in ["", "1,", "0,1", "-1,2", "nan,1", "1;2", "inf,1", "even"] {
            assert!(
                text.parse::<ClassWeights>().unwrap_err().contains("commas"),
                "{text}"
            );
        }
        let weights: ClassWeights = "1,2".parse().unwrap();
        assert!(weights.check(Some(2)).is_ok());
        assert!(weights.check(Some(3)).unwrap_err().contains("3 classes"));
        assert!(ClassWeights::Balanced.check(None).is_err());
    }
}
