//! What a sweep can vary: the training flags, under their names, and two short forms of `hidden_dims`

use std::str::FromStr;

/// Hidden layers of `num_layers` are so wide, unless `hidden_dim` says otherwise
pub const STANDARD_WIDTH: u64 = 128;

/// A setting of a run that trials may differ in
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `--data`
    Data,
    /// `--hidden-dims`
    HiddenDims,
    /// Width of the hidden layers: one, unless `num_layers` says otherwise
    HiddenDim,
    /// Number of hidden layers, each 128 wide unless `hidden_dim` says otherwise
    NumLayers,
    /// `--activation`
    Activation,
    /// `--epochs`
    Epochs,
    /// `--batch-size`
    BatchSize,
    /// `--learning-rate`
    LearningRate,
    /// `--momentum`
    Momentum,
    /// `--weight-decay`
    WeightDecay,
    /// `--seed`
    Seed,
    /// `--dtype`
    Dtype,
    /// `--engine`
    Engine,
    /// `--val-split`
    ValSplit,
    /// `--no-shuffle`
    NoShuffle,
    /// `--threads`
    Threads,
}

/// What the values of a parameter are
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers
    Integer,
    /// Numbers
    Number,
    /// Widths, as `128x64`
    Dims,
    /// `true` or `false`
    Switch,
    /// Words and paths
    Word,
}

impl Parameter {
    /// All of them, in the order of the flags
    pub const ALL: [Self; 16] = [
        Self::Data,
        Self::HiddenDims,
        Self::HiddenDim,
        Self::NumLayers,
        Self::Activation,
        Self::Epochs,
        Self::BatchSize,
        Self::LearningRate,
        Self::Momentum,
        Self::WeightDecay,
        Self::Seed,
        Self::Dtype,
        Self::Engine,
        Self::ValSplit,
        Self::NoShuffle,
        Self::Threads,
    ];

    /// As in a TOML file and as a column
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::HiddenDims => "hidden_dims",
            Self::HiddenDim => "hidden_dim",
            Self::NumLayers => "num_layers",
            Self::Activation => "activation",
            Self::Epochs => "epochs",
            Self::BatchSize => "batch_size",
            Self::LearningRate => "learning_rate",
            Self::Momentum => "momentum",
            Self::WeightDecay => "weight_decay",
            Self::Seed => "seed",
            Self::Dtype => "dtype",
            Self::Engine => "engine",
            Self::ValSplit => "val_split",
            Self::NoShuffle => "no_shuffle",
            Self::Threads => "threads",
        }
    }

    /// What its values are
    pub fn kind(self) -> Kind {
        match self {
            Self::Data | Self::Activation | Self::Dtype | Self::Engine => Kind::Word,
            Self::HiddenDims => Kind::Dims,
            Self::LearningRate | Self::Momentum | Self::WeightDecay | Self::ValSplit => Kind::Number,
            Self::NoShuffle => Kind::Switch,
            Self::HiddenDim
            | Self::NumLayers
            | Self::Epochs
            | Self::BatchSize
            | Self::Seed
            | Self::Threads => Kind::Integer,
        }
    }

    /// The setting that it decides: `hidden_dims` for its short forms, else itself
    pub fn setting(self) -> Self {
        if self.is_short_form() { Self::HiddenDims } else { self }
    }

    /// Whether it is a short form of `hidden_dims`
    pub fn is_short_form(self) -> bool {
        matches!(self, Self::HiddenDim | Self::NumLayers)
    }
}

impl FromStr for Parameter {
    type Err = String;

    /// Its name, with `_` or `-`
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim().replace('-', "_");
        let found = Self::ALL.into_iter().find(|parameter| parameter.name() == name);
        let names = || Self::ALL.map(Self::name).join(", ");
        found.ok_or_else(|| format!("`{text}` can't be varied; expected one of {}", names()))
    }
}
