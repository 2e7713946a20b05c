//! Series whose story is known.
