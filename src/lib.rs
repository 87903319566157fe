//! The tuner, in reading order. Arrows point left: a module knows only the ones above it.
pub mod space;

#[cfg(feature = "trainer")]
pub mod trainer;
