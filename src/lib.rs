//! The tuner, in reading order. Arrows point left: a module knows only the ones above it.
//!
//! `space <- optimizer <- metrics <- tuning <- api <- {contract, view} <- {local, operator} <- cli`; `metrics` and `shell`
//! use none of those before them, and `trainer` knows nothing of the others.

pub mod space;

pub mod optimizer;

// The operator uses all of these; what one shell alone leaves out is not dead.
#[cfg_attr(not(feature = "operator"), allow(dead_code, unused_imports))]
mod metrics;

pub mod tuning;

pub mod api;

#[cfg_attr(not(feature = "operator"), allow(dead_code, unused_imports))]
mod contract;

pub mod view;

#[cfg(any(feature = "local", feature = "operator"))]
mod shell;

#[cfg(feature = "local")]
mod local;

#[cfg(feature = "operator")]
pub mod operator;

pub mod cli;

#[cfg(feature = "trainer")]
pub mod trainer;
