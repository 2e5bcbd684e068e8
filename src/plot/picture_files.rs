//! The files of a picture: their formats, and how they are written

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::plot::output::pdf::pdf;
use crate::plot::output::png::png;
use crate::plot::output::scene::{Scene, WIDTH};
use crate::plot::output::svg::svg;
use crate::tables::atomic_file::write_atomically;

/// The format of a picture file
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines and text, for browsers and for editing
    Svg,
    /// Pixels, for word processors and chats
    Png,
    /// Lines and text, for LaTeX and for printing
    Pdf,
}

impl Format {
    /// The end of the file's name
    pub fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }
}

/// How pictures are written
#[derive(Clone, Debug)]
pub struct PictureStyle {
    /// The files that each picture gets
    pub formats: Vec<Format>,
    /// The title of all pictures; `None`: each picture its own
    pub title: Option<String>,
    /// Width of the PNG in pixels; the others change in the same proportion
    pub width: u32,
}

impl Default for PictureStyle {
    fn default() -> Self {
        Self { formats: vec![Format::Svg, Format::Png], title: None, width: 2 * WIDTH as u32 }
    }
}

/// Writes files into the folder `out` and lists them
pub(super) struct Written<'a> {
    pub out: &'a Path,
    pub style: &'a PictureStyle,
    pub files: Vec<PathBuf>,
}

impl Written<'_> {
    /// Writes a picture in each format; `draw` fills the scene and returns its height in units
    pub fn picture(&mut self, name: &str, draw: impl FnOnce(&mut Scene) -> f64) -> Result<()> {
        let mut scene = Scene { title: self.style.title.clone().unwrap_or_default(), ..Scene::default() };
        let height = draw(&mut scene).ceil() as u32;
        let scale = f64::from(self.style.width) / (2.0 * WIDTH);
        let picture = svg(&scene, height, scale);
        for format in &self.style.formats {
            let name = format!("{name}.{}", format.extension());
            let bytes = match format {
                Format::Svg => Ok(picture.clone().into_bytes()),
                Format::Png => png(&picture),
                Format::Pdf => pdf(&scene, height, scale),
            };
            let bytes = bytes.map_err(|problem| Error::Plot { path: self.out.join(&name), problem })?;
            self.file(&name, &bytes)?;
        }
        Ok(())
    }

    /// The file of each picture that report.md shows, with its description
    pub fn links<'b>(&self, pictures: &[(&str, &'b str)]) -> Vec<(String, &'b str)> {
        let formats = &self.style.formats;
        let shown =
            [Format::Svg, Format::Png, Format::Pdf].into_iter().find(|format| formats.contains(format));
        let extension = shown.map_or("svg", Format::extension);
        pictures.iter().map(|(name, what)| (format!("{name}.{extension}"), *what)).collect()
    }

    /// Writes one file, and creates the folder if there is none
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        std::fs::create_dir_all(self.out).map_err(Error::writing(self.out))?;
        let path = self.out.join(name);
        write_atomically(&path, bytes)?;
        self.files.push(path);
        Ok(())
    }
}
