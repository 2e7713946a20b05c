//! Alert rules: what is wrong with a series, since when, and how grave that is.
//!
//! Three layers, each a pure function of what it is given: a [`Condition`] says of an observation which severities are met; the
//! [`machine`] of a series makes steps of alerts of that; the [`Rule`] is the operator that feeds it from the log. The [`desk`] then
//! makes incidents and notifications of the steps.

mod change;
mod commits;
mod condition;
mod deadlines;
pub mod desk;
mod filling;
mod flaps;
mod follow;
mod limits;
pub mod machine;
mod rule;
mod shared;
mod silence;
mod snapshot;
mod spec;
mod teller;
mod texts;
mod timing;
mod watches;

pub use change::{Change, Direction};
pub use condition::{Condition, Holds, Needed, Streak};
pub use filling::is_up;
pub use limits::{Limit, Limits, Side};
pub use rule::{Counts, Rule};
pub use shared::{Shared, Sharing};
pub use spec::{Input, Pattern, Spec};
pub use texts::{ANNOTATION_NAMES, Facts, LABEL_NAMES, Now, Renderer, Texts};
pub use timing::{Flapping, Timing};
