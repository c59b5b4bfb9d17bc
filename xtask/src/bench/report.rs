//! Everything that was measured.

use serde_json::{Map, Value, json};

use super::target::{TARGETS, Target};

/// One number, its unit in its name.
#[derive(Clone)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
}

impl Figure {
    pub(crate) fn new(name: &'static str, value: f64) -> Self {
        Self { name, value }
    }

    /// A number that was counted, and is far below 2^32.
    pub(crate) fn count(name: &'static str, value: impl TryInto<u32>) -> Self {
        Self::new(name, value.try_into().map_or(f64::INFINITY, f64::from))
    }
}

/// What was measured of one server at one job.
pub(crate) struct Row {
    pub(crate) job: &'static str,
    pub(crate) server: &'static str,
    pub(crate) figures: Vec<Figure>,
}

impl Row {
    pub(crate) fn new(job: &'static str, server: &'static str, figures: impl IntoIterator<Item = Figure>) -> Self {
        Self { job, server, figures: figures.into_iter().collect() }
    }
}

/// All rows, in the order of the table.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds figures to the row of that job and server, or a row if there is none.
    pub(crate) fn add(&mut self, row: Row) {
        match self.rows.iter_mut().find(|known| known.job == row.job && known.server == row.server) {
            Some(known) => known.figures.extend(row.figures),
            None => self.rows.push(row),
        }
    }

    pub(crate) fn of_job(&self, job: &str) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.job == job)
    }

    pub(crate) fn find(&self, job: &str, server: &str, figure: &str) -> Option<f64> {
        let row = self.of_job(job).find(|row| row.server == server)?;
        row.figures.iter().find(|known| known.name == figure).map(|figure| figure.value)
    }

    /// What can be said of zato's targets, each with its value.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (&'static Target, f64)> {
        TARGETS.iter().filter_map(|target| Some((target, target.value(self)?)))
    }

    /// As a document, with the machine that it holds for.
    pub(crate) fn to_json(&self, machine: &Value) -> Value {
        let rows = self.rows.iter().map(|row| {
            let figures = row.figures.iter().map(|figure| (figure.name.to_owned(), json!(figure.value)));
            json!({"job": row.job, "server": row.server, "figures": figures.collect::<Map<_, _>>()})
        });
        let targets = self.targets().map(
            |(target, value)| json!({"target": target.to_string(), "value": value, "is_met": target.is_met(value)}),
        );
        json!({"machine": machine, "rows": rows.collect::<Vec<_>>(), "targets": targets.collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Figure, Report, Row};

    #[test]
    fn figures_of_one_server_at_one_job_stand_together() {
        let mut report = Report::default();
        report.add(Row::new("client", "zato", [Figure::new("instructions", 11_500.0)]));
        report.add(Row::new("client", "hyper", [Figure::new("instructions", 10_000.0)]));
        report.add(Row::new("client", "zato", [Figure::new("allocations", 17.0)]));
        assert_eq!(
            report.to_json(&Value::Null),
            json!({"machine": null, "rows": [
                {"job": "client", "server": "zato", "figures": {"instructions": 11500.0, "allocations": 17.0}},
                {"job": "client", "server": "hyper", "figures": {"instructions": 10000.0}},
            ], "targets": [
                {"target": "client: instructions, zato to hyper: at most 1.2", "value": 1.15, "is_met": true},
                {"target": "client: allocations of zato: at most 16", "value": 17.0, "is_met": false},
            ]})
        );
    }
}
