//! The person's command: arguments in, text out.

#[cfg(feature = "local")]
mod add;
#[cfg(feature = "local")]
mod args;
pub mod ask_tell;
mod ask_tell_message;
#[cfg(feature = "local")]
mod inspect;
#[cfg(feature = "local")]
mod lines;
#[cfg(feature = "local")]
mod live;
#[cfg(feature = "local")]
mod main;
#[cfg(feature = "local")]
mod manifest;
#[cfg(feature = "local")]
mod present;
#[cfg(feature = "local")]
mod run;
#[cfg(feature = "local")]
mod signals;

#[cfg(feature = "local")]
pub use main::main;
