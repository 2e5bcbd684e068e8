//! Settings: the table, the types of their values, and the settings that a person gives
//!
//! [`Settings`] are given on the command line or in a TOML file; any of them may be left out. They are merged, checked
//! and completed with defaults to make a [`TrainConfig`], which a run also writes to its `config.toml`.

mod agreement;
mod choices;
mod data_choices;
mod every;
mod flags;
mod given;
mod hidden_dims;
mod home;
pub mod names;
mod optimizer_choices;
mod presets;
mod setting;
mod settings;
mod train_config;

pub use agreement::unused;
pub use choices::{CsvDialect, Dtype, EngineChoice, InitialWeightsChoice, Keep, LossChoice, MonitorChoice};
pub use data_choices::{ClassWeight, Decimal, Header, Missing, Scale, TaskChoice};
pub use every::Every;
pub use flags::{BatchFlags, DataFlags};
pub use given::{Settings, line_of, read, toml_problem};
pub use hidden_dims::HiddenDims;
pub use home::expand_home;
pub use optimizer_choices::{OptimizerChoice, ScheduleChoice};
pub use presets::{PRESETS, Preset};
pub use setting::{Kind, Setting, text};
pub use settings::{SETTINGS, SHORT_FORMS, find, sweepable};
pub use train_config::TrainConfig;
