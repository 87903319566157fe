//! A run as a live table on the terminal.

use super::present;
use crate::local::{Event, Happening, Ledger, RunObserver};
use crate::optimizer::Recommendation;
use crate::tuning::{advise, status};
use crate::view::{self, RunView};
use jiff::Timestamp;
use ratatui::backend::CrosstermBackend;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io::{self, Stdout};
use std::time::{Duration, Instant};

/// Time between two pictures.
const FRAME: Duration = Duration::from_millis(250);
/// Rows that the table takes at most.
const HEIGHT: u16 = 24;

/// The live table. It draws below what the terminal shows; at its end it makes room for the report, which has the table.
pub(super) struct Live {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    drawn: Option<Instant>,
    /// Fitting a model takes longer than drawing: done when a trial ends, not for each picture.
    recommendation: Option<Recommendation>,
}

impl Live {
    /// Takes the lower part of the terminal. The error says why it can't: it has no size, or does not answer.
    pub fn new() -> io::Result<Self> {
        let size = present::terminal_size();
        let (_, rows) = size.ok_or_else(|| io::Error::other("it has no columns or no rows"))?;
        let height = HEIGHT.min(rows.saturating_sub(1)).max(4);
        let options = TerminalOptions {
            viewport: Viewport::Inline(height),
        };
        let terminal = Terminal::with_options(CrosstermBackend::new(io::stdout()), options)?;
        Ok(Self {
            terminal,
            drawn: None,
            recommendation: None,
        })
    }

    fn draw(&mut self, ledger: &Ledger) {
        let now = Timestamp::now();
        let snapshot = ledger.at(now);
        let view = RunView {
            name: snapshot.job.name.clone(),
            status: status(&snapshot, now),
            recommendation: self.recommendation.clone(),
            // Told once it is over: there is no line for it.
            ends: vec![],
            model: None,
            notes: ledger.notes.clone(),
            snapshot,
            now,
        };
        // A terminal that can't be drawn on is no reason to end the run.
        let _ = self.terminal.draw(|frame| view::draw(frame, &view));
        self.drawn = Some(Instant::now());
    }
}

impl RunObserver for Live {
    fn event(&mut self, event: &Event, ledger: &Ledger) {
        if matches!(event.what, Happening::Ended { .. } | Happening::Session { .. }) {
            self.recommendation = advise(&ledger.at(event.at)).recommendation;
        }
        if matches!(event.what, Happening::Ended { .. } | Happening::Paused { .. }) {
            self.draw(ledger);
        }
    }

    fn tick(&mut self, ledger: &Ledger) {
        if self.drawn.is_none_or(|last| last.elapsed() >= FRAME) {
            self.draw(ledger);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.terminal.clear();
        let _ = self.terminal.show_cursor();
    }
}
