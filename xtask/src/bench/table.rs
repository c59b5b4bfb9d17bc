//! The table that `cargo xtask bench` ends with.

use std::fmt;

use super::report::{Report, Row};

/// A block for each job, a line for each server, then what zato aims at.
pub(crate) struct Table<'a> {
    pub(crate) report: &'a Report,
    /// Names of the jobs, and what they are about.
    pub(crate) jobs: &'a [(&'static str, &'static str)],
}

/// The figures whose ratio to the first server's is told too.
const COMPARED: [&str; 6] = [
    "instructions",
    "messages_per_second",
    "commands_per_second",
    "rows_per_second",
    "objects_per_second",
    "megabytes_per_second",
];

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (job, about) in self.jobs {
            let rows: Vec<&Row> = self.report.of_job(job).collect();
            if !rows.is_empty() {
                writeln!(f, "{job}: {about}")?;
                block(f, &rows)?;
                writeln!(f)?;
            }
        }
        for (target, value) in self.report.targets() {
            let verdict = if target.is_met(value) { "met" } else { "MISSED" };
            writeln!(f, "{verdict:<6}  {target} ({})", shown(value))?;
        }
        Ok(())
    }
}

fn block(f: &mut fmt::Formatter<'_>, rows: &[&Row]) -> fmt::Result {
    let mut columns: Vec<&str> = Vec::new();
    for figure in rows.iter().flat_map(|row| &row.figures) {
        if !columns.contains(&figure.name) {
            columns.push(figure.name);
        }
    }
    let value =
        |row: &Row, name: &str| row.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value);
    let first = |name| rows.first().filter(|_| rows.len() > 1).and_then(|row| value(row, name));
    let mut lines = vec![vec![String::new()]];
    lines.extend(rows.iter().map(|row| vec![row.server.to_owned()]));
    for column in columns {
        push(&mut lines, column.replace('_', " "), rows.iter().map(|row| value(row, column).map(shown)));
        if let Some(first) = first(column).filter(|_| COMPARED.contains(&column)) {
            let ratios = rows.iter().map(|row| value(row, column).map(|value| format!("{:.2}x", value / first)));
            push(&mut lines, "ratio".to_owned(), ratios);
        }
    }
    write_lines(f, &lines)
}

fn push(lines: &mut [Vec<String>], head: String, cells: impl Iterator<Item = Option<String>>) {
    let cells = std::iter::once(head).chain(cells.map(|cell| cell.unwrap_or_else(|| "-".to_owned())));
    lines.iter_mut().zip(cells).for_each(|(line, cell)| line.push(cell));
}

fn write_lines(f: &mut fmt::Formatter<'_>, lines: &[Vec<String>]) -> fmt::Result {
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0);
    for line in lines {
        let mut text = String::new();
        for (column, cell) in line.iter().enumerate() {
            let width = width(column);
            text += &if column == 0 { format!("  {cell:<width$}") } else { format!("   {cell:>width$}") };
        }
        writeln!(f, "{}", text.trim_end())?;
    }
    Ok(())
}

/// A number as people read it: large ones without decimals and with their thousands set apart.
fn shown(number: f64) -> String {
    if number < 10.0 && number.fract() != 0.0 {
        return format!("{number:.2}");
    }
    if number < 1000.0 && number.fract() != 0.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{
        super::report::{Figure, Report, Row},
        Table, shown,
    };

    #[test]
    fn ratios_are_to_the_first_and_targets_are_told() {
        let mut report = Report::default();
        for (server, instructions, allocations) in
            [("hyper", 14_568.5, 11.0), ("axum", 21_792.6, 23.04), ("zato", 20_000.0, 16.001)]
        {
            let figures = [Figure::new("instructions", instructions), Figure::new("allocations", allocations)];
            report.add(Row::new("client", server, figures));
        }
        report.add(Row::new("client", "zato", [Figure::new("p50_us", 4.5)]));
        report.add(Row::new("start", "zato", [Figure::new("idle_mb", 7.25)]));
        let jobs = [("client", "one route"), ("query", "not measured"), ("start", "a hundred services")];
        assert_eq!(
            Table { report: &report, jobs: &jobs }.to_string(),
            "client: one route\n\
             \x20         instructions   ratio   allocations   p50 us\n\
             \x20 hyper         14,568   1.00x            11        -\n\
             \x20 axum          21,793   1.50x          23.0        -\n\
             \x20 zato          20,000   1.37x          16.0     4.50\n\
             \n\
             start: a hundred services\n\
             \x20        idle mb\n\
             \x20 zato      7.25\n\
             \n\
             MISSED  client: instructions, zato to hyper: at most 1.2 (1.37)\n\
             met     client: allocations of zato: at most 16 (16.0)\n\
             met     start: idle_mb of zato: at most 15 (7.25)\n"
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0.4, 999.0, 1000.0, 1_234_567.0].map(shown), ["0.40", "999", "1,000", "1,234,567"]);
    }
}
