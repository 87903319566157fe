//! The tuner, in reading order. Arrows point left: a module knows only the ones above it.
pub mod space;

pub mod optimizer;

pub mod tuning;

pub mod metrics;
