//! The progress of a long command, on standard error: a bar on a terminal, elsewhere one line per stage.

use indicatif::{ProgressBar, ProgressStyle};

use super::output;

/// Prints each stage once.
pub struct Stages {
    bar: ProgressBar,
    told: String,
}

impl Stages {
    /// `template` is what the bar looks like, in indicatif's words.
    pub fn new(template: &str) -> Self {
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self {
            bar: ProgressBar::new(0).with_style(style),
            told: String::new(),
        }
    }

    /// How much of the stage is done.
    pub fn reached(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    pub fn at(&mut self, stage: &str) {
        if self.told == stage {
            return;
        }
        stage.clone_into(&mut self.told);
        self.bar.set_message(self.told.clone());
        if self.bar.is_hidden() {
            output::remark(stage);
        }
    }

    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
