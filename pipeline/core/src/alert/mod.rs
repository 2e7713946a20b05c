//! Alerts: what is made of the steps that rules commit.

pub mod desk;
