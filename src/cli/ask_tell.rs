//! The optimizer over standard input and output.
