//! What may vary: parameters, their ranges and scales, and the points of the search space.
//!
//! A [`SearchSpace`] cannot be built wrong: constructors return every reason at once. Later code never re-checks.
#![deny(clippy::disallowed_methods)]

mod domain;
mod parameter;
mod point;
mod search_space;
mod validity;

pub use domain::{Domain, Scale};
pub use parameter::Parameter;
pub use point::{Point, Value};
pub use search_space::SearchSpace;
pub use validity::InvalidParameter;
