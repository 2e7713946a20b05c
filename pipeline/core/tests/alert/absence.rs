//! Silence against a naive evaluation.
