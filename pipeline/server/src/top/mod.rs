//! The live table.
