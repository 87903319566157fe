//! All parameters together: points and their place in the unit cube.

use super::parameter::Parameter;
use super::point::{Point, Value};

/// The parameters of a job, with distinct names, in the manifest's order.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchSpace {
    parameters: Vec<Parameter>,
}

impl SearchSpace {
    /// Joins parameters; returns the first name that occurs twice as an error.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self, String> {
        for (i, p) in parameters.iter().enumerate() {
            if parameters[..i].iter().any(|q| q.name() == p.name()) {
                return Err(p.name().to_owned());
            }
        }
        Ok(Self { parameters })
    }

    /// The parameters, in the manifest's order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Number of columns of the unit cube.
    pub(crate) fn dimension(&self) -> usize {
        self.parameters.len()
    }

    /// Place of a point in the unit cube; `None` if it is not a point of this space.
    pub fn to_unit(&self, point: &Point) -> Option<Vec<f64>> {
        if point.0.len() != self.parameters.len() {
            return None;
        }
        self.parameters
            .iter()
            .zip(&point.0)
            .map(|(p, v)| p.to_unit(v))
            .collect()
    }

    /// The legal point nearest to a place.
    pub fn from_unit(&self, u: &[f64]) -> Point {
        Point(
            self.parameters
                .iter()
                .zip(u)
                .map(|(p, &u)| p.from_unit(u))
                .collect(),
        )
    }

    /// Number of points; `None` where a parameter is continuous or the number exceeds `u64`.
    pub fn size(&self) -> Option<u64> {
        self.parameters
            .iter()
            .try_fold(1u64, |n, p| n.checked_mul(p.levels()? as u64))
    }

    /// Whether no parameter is continuous.
    pub(crate) fn is_discrete(&self) -> bool {
        self.parameters.iter().all(|p| p.levels().is_some())
    }

    /// Name and value of each parameter.
    pub fn assignment<'a>(&'a self, point: &'a Point) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.parameters.iter().map(Parameter::name).zip(&point.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Domain, Scale};
    use proptest::prelude::*;

    fn space() -> SearchSpace {
        let values = vec!["a".into(), "b".into(), "c".into()];
        let domains = [
            Domain::Double {
                min: 5e-6,
                max: 5e-4,
                scale: Scale::Log,
            },
            Domain::Integer {
                min: 2,
                max: 17,
                step: 5,
                scale: Scale::Log,
            },
            Domain::Discrete {
                values: vec![8.0, 16.0, 64.0],
            },
            Domain::Categorical { values },
            Domain::Double {
                min: 0.0,
                max: 0.99,
                scale: Scale::ReverseLog,
            },
        ];
        let named = domains
            .into_iter()
            .enumerate()
            .map(|(i, d)| Parameter::new(format!("p{i}"), d).unwrap());
        SearchSpace::new(named.collect()).unwrap()
    }

    proptest! {
        #[test]
        fn a_place_and_back_is_a_legal_point_and_stays(u in proptest::collection::vec(-0.2f64..1.2, 5)) {
            let space = space();
            let point = space.from_unit(&u);
            let place = space.to_unit(&point).expect("a legal point");
            prop_assert!(place.iter().all(|x| (0.0..=1.0).contains(x)));
            let again = space.from_unit(&place);
            for (a, b) in again.0.iter().zip(&point.0) {
                prop_assert_eq!(a, b);
            }
        }
    }

    #[test]
    fn a_name_twice_is_refused() {
        let p = || Parameter::new("lr", Domain::Discrete { values: vec![1.0] }).unwrap();
        assert_eq!(SearchSpace::new(vec![p(), p()]).unwrap_err(), "lr");
    }
}
