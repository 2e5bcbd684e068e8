//! The flags of `evaluate`, `ensemble` and `predict` that average over moved copies of each image

use chainrule::predict::CopiesChoice;

/// The copies of each image
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Copies of images, whose predictions are averaged")]
pub struct CopiesFlags {
    /// Predict each image and its mirror image; with --shift the mirror image of each copy, too
    #[arg(long)]
    flip: bool,

    /// Predict each image shifted by up to PIXELS down, up, left and right: (2 PIXELS + 1)² copies, so it takes that many times as
    /// long; 1 is usual where the net was trained with --shift 1
    #[arg(long, value_name = "PIXELS", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u32).range(..=65_535))]
    shift: u32,
}

impl CopiesFlags {
    /// What they ask for
    pub fn choice(self) -> CopiesChoice {
        CopiesChoice { flip: self.flip, shift: self.shift }
    }
}
