//! Columns of text that fit a width.

use super::numbers::cut;

/// What may happen to a column when there is no room for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It stays as it is.
    Keep,
    /// It may be cut, down to ten characters; the last column only.
    Cut,
    /// It may be left out, the rightmost first.
    Drop,
}

/// One column: a title and a cell for each row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub title: String,
    pub cells: Vec<String>,
    pub right_aligned: bool,
    pub room: Room,
}

pub(super) const GAP: usize = 2;
const MIN_CUT: usize = 10;

impl Column {
    pub fn left(title: &str, cells: Vec<String>) -> Self {
        Self {
            title: title.to_owned(),
            cells,
            right_aligned: false,
            room: Room::Keep,
        }
    }

    pub fn right(title: &str, cells: Vec<String>) -> Self {
        Self {
            right_aligned: true,
            ..Self::left(title, cells)
        }
    }

    pub fn with_room(self, room: Room) -> Self {
        Self { room, ..self }
    }

    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(String::is_empty)
    }

    /// Characters of the longest cell or the title.
    pub fn width(&self) -> usize {
        let cells = self.cells.iter().map(|c| c.chars().count());
        cells.chain([self.title.chars().count()]).max().unwrap_or(0)
    }
}

/// Cuts and drops columns until they fit; returns the number of those dropped.
pub(super) fn fit(columns: &mut Vec<Column>, width: usize) -> usize {
    let mut n_dropped = 0;
    loop {
        let total: usize = columns
            .iter()
            .map(|c| c.width() + GAP)
            .sum::<usize>()
            .saturating_sub(GAP);
        let excess = total.saturating_sub(width);
        if excess == 0 {
            return n_dropped;
        }
        let flexible = columns
            .iter_mut()
            .find(|c| c.room == Room::Cut && c.width() > MIN_CUT);
        if let Some(column) = flexible {
            let room = column.width().saturating_sub(excess).max(MIN_CUT);
            column.cells.iter_mut().for_each(|c| *c = cut(c, room));
            column.title = cut(&column.title, room);
            continue;
        }
        let Some(i) = columns.iter().rposition(|c| c.room != Room::Keep) else {
            return n_dropped;
        };
        columns.remove(i);
        n_dropped += 1;
    }
}

/// Lines of text: the titles, then the rows.
pub(super) fn lines(columns: &[Column]) -> Vec<String> {
    let n_rows = columns.first().map_or(0, |c| c.cells.len());
    let line = |cell: &dyn Fn(&Column) -> String| {
        let padded = columns.iter().map(|c| pad(&cell(c), c.width(), c.right_aligned));
        padded
            .collect::<Vec<_>>()
            .join(&" ".repeat(GAP))
            .trim_end()
            .to_owned()
    };
    let titles = line(&|c| c.title.clone());
    std::iter::once(titles)
        .chain((0..n_rows).map(|row| line(&|c| c.cells[row].clone())))
        .collect()
}

pub(super) fn pad(text: &str, width: usize, right_aligned: bool) -> String {
    if right_aligned {
        format!("{text:>width$}")
    } else {
        format!("{text:<width$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let cells = |texts: [&str; 2]| texts.map(String::from).to_vec();
        vec![
            Column::left("trial", cells(["mrpc-0001", "mrpc-0002"])),
            Column::right("lr", cells(["6.47e-5", "1e-4"])).with_room(Room::Drop),
            Column::left("message", cells(["killed: no memory left", ""])).with_room(Room::Cut),
        ]
    }

    #[test]
    fn columns_align() {
        assert_eq!(
            lines(&columns()),
            [
                "trial           lr  message",
                "mrpc-0001  6.47e-5  killed: no memory left",
                "mrpc-0002     1e-4",
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_then_dropped() {
        let fitted = |width| {
            let mut columns = columns();
            let n_dropped = fit(&mut columns, width);
            (n_dropped, lines(&columns)[1].clone())
        };
        assert_eq!(
            fitted(42),
            (0, "mrpc-0001  6.47e-5  killed: no memory left".into())
        );
        assert_eq!(fitted(33), (0, "mrpc-0001  6.47e-5  killed: no m…".into()));
        assert_eq!(fitted(20), (1, "mrpc-0001  6.47e-5".into()));
        assert_eq!(fitted(5), (2, "mrpc-0001".into()));
    }
}
