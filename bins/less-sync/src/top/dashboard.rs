//! State of the dashboard: polls and keys go in, and the view draws what it is.

use serde_json::Value;
use tokio::time::Instant;

use super::figures::Figures;
use super::history::History;
use super::keys::Command;
use super::lists::{self, List};
use super::poll::Poll;
use crate::admin::{Interval, Samples};

/// Connection to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// No poll has ended yet.
    Connecting,
    /// The last poll succeeded.
    Connected,
    /// The last poll failed. The figures are those of the last one that succeeded.
    Lost(String),
}

/// State of the dashboard.
#[derive(Debug)]
pub(super) struct Dashboard {
    pub(super) server: String,
    pub(super) link: Link,
    pub(super) figures: Option<Figures>,
    pub(super) history: History,
    pub(super) list: List,
    pub(super) selected: usize,
    pub(super) is_help: bool,
    /// True while the selected row is shown with all its members.
    pub(super) is_detail: bool,
    /// The same row with what its list leaves out, once the server has answered.
    whole: Option<Value>,
    pub(super) is_paused: bool,
    /// Column that each list is sorted by, in the order of [`List::ALL`].
    orders: [usize; List::ALL.len()],
    /// Rows of each list, sorted.
    rows: [Vec<Value>; List::ALL.len()],
    last: Option<(Instant, Samples)>,
}

impl Dashboard {
    pub(super) fn new(server: String) -> Self {
        Self {
            server,
            link: Link::Connecting,
            figures: None,
            history: History::default(),
            list: List::default(),
            selected: 0,
            is_help: false,
            is_detail: false,
            whole: None,
            is_paused: false,
            // Methods by rate, connections by queued events, spaces by bytes, slow consumers by queue, denials by time.
            orders: [1, 4, 2, 2, 0],
            rows: Default::default(),
            last: None,
        }
    }

    /// Takes the state of the server. The first poll has no rates, since those are differences.
    pub(super) fn update(&mut self, poll: Poll) {
        self.link = Link::Connected;
        let (at, before) = self.last.take().unwrap_or_else(|| (poll.at, poll.samples.clone()));
        let seconds = poll.at.saturating_duration_since(at).as_secs_f64();
        let interval = Interval { before, after: poll.samples, seconds };
        let figures = Figures::of(&interval, poll.unix_seconds);
        if seconds > 0.0 {
            self.history.add(&figures);
        }
        let methods = figures.methods.iter().map(lists::method_row).collect();
        let mut rows = [methods, poll.connections, poll.spaces, poll.slow_consumers, poll.denials];
        // Spaces are polled only while they are shown; the last ones are kept meanwhile.
        let spaces = List::Spaces as usize;
        if let (Some(new), Some(old)) = (rows.get_mut(spaces), self.rows.get_mut(spaces))
            && new.is_empty()
        {
            std::mem::swap(new, old);
        }
        self.rows = rows;
        self.figures = Some(figures);
        self.last = Some((poll.at, interval.after));
        self.sort();
    }

    /// Records that a poll failed; the next one may succeed.
    pub(super) fn lost(&mut self, reason: String) {
        self.link = Link::Lost(reason);
    }

    /// Rows of the list that is shown.
    pub(super) fn rows(&self) -> &[Value] {
        self.rows.get(self.list as usize).map_or(&[], Vec::as_slice)
    }

    /// Number of the column that the list is sorted by.
    pub(super) fn order(&self) -> usize {
        self.orders.get(self.list as usize).copied().unwrap_or(0)
    }

    /// The selected row.
    pub(super) fn selection(&self) -> Option<&Value> {
        self.rows().get(self.selected)
    }

    /// Row to be shown with all its members, if one is.
    pub(super) fn detail(&self) -> Option<&Value> {
        self.whole.as_ref().or_else(|| self.selection()).filter(|_| self.is_detail)
    }

    /// Path of the route with more about the row that is shown, until it has answered: the spaces of a connection.
    pub(super) fn wanted_detail(&self) -> Option<String> {
        let is_open = self.is_detail && self.whole.is_none() && self.list == List::Connections;
        let id = self.selection()?.get("id")?.as_str()?;
        is_open.then(|| format!("/admin/connections/{id}"))
    }

    /// Takes the answer of that route; the row itself stays if there is none.
    pub(super) fn complete_detail(&mut self, whole: Option<Value>) {
        if self.is_detail {
            self.whole = whole.or_else(|| self.selection().cloned());
        }
    }

    /// Carries out a command of the user. False to quit.
    pub(super) fn apply(&mut self, command: Command) -> bool {
        self.whole = None;
        match command {
            Command::Back if self.is_help || self.is_detail => {
                (self.is_help, self.is_detail) = (false, false);
            }
            Command::Quit | Command::Back => return false,
            Command::Help => self.is_help = !self.is_help,
            Command::Detail => self.is_detail = !self.is_detail && self.selection().is_some(),
            Command::Pause => self.is_paused = !self.is_paused,
            Command::Show(list) => self.show(list),
            Command::NextList => self.show(neighbour(self.list, 1)),
            Command::PreviousList => self.show(neighbour(self.list, List::ALL.len() - 1)),
            Command::Sort => {
                let columns = self.list.columns().len();
                if let Some(order) = self.orders.get_mut(self.list as usize) {
                    *order = (*order + 1) % columns;
                }
                self.sort();
            }
            Command::Up => self.selected = self.selected.saturating_sub(1),
            Command::Down => self.select(self.selected.saturating_add(1)),
            Command::PageUp => self.selected = self.selected.saturating_sub(10),
            Command::PageDown => self.select(self.selected.saturating_add(10)),
        }
        true
    }

    fn show(&mut self, list: List) {
        (self.list, self.selected, self.is_detail) = (list, 0, false);
    }

    fn select(&mut self, row: usize) {
        self.selected = row.min(self.rows().len().saturating_sub(1));
    }

    fn sort(&mut self) {
        for (list, (rows, order)) in List::ALL.into_iter().zip(self.rows.iter_mut().zip(self.orders)) {
            if let Some((_, pointer, ..)) = list.columns().get(order) {
                lists::sort(rows, pointer);
            }
        }
        self.select(self.selected);
    }
}

/// The list `steps` behind this one, from the last to the first.
fn neighbour(list: List, steps: usize) -> List {
    List::ALL.into_iter().cycle().nth(list as usize + steps).unwrap_or_default()
}
