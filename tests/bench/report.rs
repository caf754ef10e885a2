//! Medians and the table.

use std::fmt;

/// What one run of a case yields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Operations per second: messages delivered, requests, connections.
    pub(crate) per_second: f64,
    /// Processor time of the server per operation, microseconds.
    pub(crate) cpu_us: f64,
    /// 99th percentile of the latency, microseconds.
    pub(crate) p99_us: f64,
    /// Resident memory at the end, KiB.
    pub(crate) rss_kib: f64,
    /// Further figures of the case by name; every run of a case has the same ones.
    pub(crate) more: Vec<(&'static str, f64)>,
}

/// A throughput ratio below this is marked.
const GOAL: f64 = 1.5;

/// All runs of one case.
#[derive(Debug)]
pub(crate) struct Report {
    name: &'static str,
    candidate: Vec<Measured>,
    reference: Vec<Measured>,
    faults: Vec<String>,
}

impl Report {
    /// Title line of the table.
    pub(crate) const HEADER: &'static str =
        "case                     candidate    reference   thr x   cpu x   p99 x   rss x";

    /// A report without runs.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, candidate: Vec::new(), reference: Vec::new(), faults: Vec::new() }
    }

    /// Adds a run of the candidate.
    pub(crate) fn add_candidate(&mut self, run: Result<Measured, String>) {
        match run {
            Ok(measured) => self.candidate.push(measured),
            Err(fault) => self.faults.push(fault),
        }
    }

    /// Adds a run of the reference.
    pub(crate) fn add_reference(&mut self, run: Result<Measured, String>) {
        match run {
            Ok(measured) => self.reference.push(measured),
            Err(fault) => self.faults.push(fault),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.candidate.is_empty() && !self.reference.is_empty() {
            let medians =
                |figure: fn(&Measured) -> f64| (median(&self.candidate, figure), median(&self.reference, figure));
            let (candidate, reference) = medians(|run| run.per_second);
            let throughput = candidate / reference;
            write!(out, "{:20} {candidate:13.0}{reference:13.0} {throughput:7.2}", self.name)?;
            let figures: [fn(&Measured) -> f64; 3] = [|run| run.cpu_us, |run| run.p99_us, |run| run.rss_kib];
            for figure in figures {
                let (candidate, reference) = medians(figure);
                write!(out, " {:7.2}", candidate / reference)?;
            }
            if throughput < GOAL {
                write!(out, "  < {GOAL}")?;
            }
            for (number, (name, _)) in self.candidate[0].more.iter().enumerate() {
                let figure =
                    |runs: &[Measured]| median(runs, |run| run.more.get(number).map_or(f64::NAN, |more| more.1));
                let (candidate, reference) = (figure(&self.candidate), figure(&self.reference));
                write!(out, "\n  {name:18} {candidate:13.0}{reference:13.0} {:7.2}", candidate / reference)?;
            }
        } else {
            write!(out, "{:20} FAILED", self.name)?;
        }
        self.faults.iter().try_for_each(|fault| write!(out, "\n  {fault}"))
    }
}

fn median(runs: &[Measured], figure: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(figure).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
