//! The tuner, in reading order. Arrows point left: a module knows only the ones above it.
//!
//! `space <- optimizer <- metrics <- tuning <- api <- {contract, view} <- {local, operator} <- cli`; `metrics` and `shell`
//! use none of those before them, and `trainer` knows nothing of the others.

pub mod space;

pub mod optimizer;

pub mod metrics;

pub mod tuning;

pub mod api;

pub mod contract;

pub mod view;

#[cfg(any(feature = "local", feature = "operator"))]
mod shell;

#[cfg(feature = "local")]
pub mod local;

#[cfg(feature = "operator")]
pub mod operator;

pub mod cli;

#[cfg(feature = "trainer")]
pub mod trainer;
