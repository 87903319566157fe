//! What may vary.
