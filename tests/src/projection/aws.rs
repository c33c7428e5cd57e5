//! What AWS allows and what it asks for: the figures of its public pages for us-east-1. Where it says
//! *as known*, the page was not at hand to be read again when this was written (November 2026).

use std::time::Duration;

use super::{Scenario, Workload};

/// What an inline Map runs at a time.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html>
pub const INLINE_MAP: usize = 40;

/// Default quotas of an account that is no longer new. A new one runs ten functions at a time.
#[derive(Debug, Clone, Copy)]
pub struct Quotas {
    /// Functions at work at one time in an account and region.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>, 1,000.
    pub concurrency: usize,
    /// New environments of one function: so many at once, refilled over ten seconds.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>, 1,000 in 10 s.
    pub new_environments: f64,
    /// PUT requests a second to one prefix, before S3 has split it.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>, as known.
    pub puts_per_second: f64,
    /// GET requests a second to one prefix; the same page, as known.
    pub gets_per_second: f64,
    /// Writes a second to one partition, and a video's record is one.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>,
    /// as known.
    pub writes_per_second: f64,
    /// State transitions of standard executions: at once, and a second more.
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>, as known for
    /// the three largest regions; 800 in others.
    pub transitions_per_second: f64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            concurrency: 1000,
            new_environments: 1000.0,
            puts_per_second: 3500.0,
            gets_per_second: 5500.0,
            writes_per_second: 1000.0,
            transitions_per_second: 5000.0,
        }
    }
}

/// Prices in dollars.
#[derive(Debug, Clone, Copy)]
pub struct Prices {
    /// A GB for a second, <https://aws.amazon.com/lambda/pricing/>: $0.0000133334 for arm64 and
    /// $0.0000166667 for `x86_64` (May 2026, first tier).
    pub gb_second: f64,
    /// An invocation, the same page: $0.20 a million.
    pub invocation: f64,
    /// A PUT, <https://aws.amazon.com/s3/pricing/>: $0.005 a thousand, as known.
    pub put: f64,
    /// A GET, the same page: $0.0004 a thousand, as known.
    pub get: f64,
    /// A state transition, <https://aws.amazon.com/step-functions/pricing/>: $0.025 a thousand.
    pub transition: f64,
    /// A write, <https://aws.amazon.com/dynamodb/pricing/on-demand/>: $0.625 a million, as known.
    pub write: f64,
}

impl Prices {
    /// With functions on arm64, a fifth cheaper and what is deployed unless said otherwise.
    pub fn arm64() -> Self {
        Self {
            gb_second: 0.000_013_333_4,
            ..Self::x86_64()
        }
    }

    /// With functions on `x86_64`.
    pub fn x86_64() -> Self {
        Self {
            gb_second: 0.000_016_666_7,
            invocation: 0.20 / 1e6,
            put: 0.005 / 1e3,
            get: 0.000_4 / 1e3,
            transition: 0.025 / 1e3,
            write: 0.625 / 1e6,
        }
    }

    /// What one video costs. `busy` is how long functions were at work on it, added up.
    pub(super) fn cost(&self, scenario: &Scenario, work: &Workload, busy: Duration) -> Cost {
        /// Transitions of an execution besides those of its parts: start, map, publish, end, and
        /// one to spare.
        const AROUND: f64 = 5.0;
        /// Transitions for a part: start, encode, end.
        const EACH: f64 = 3.0;
        /// Transitions for a group, in the run's execution and in its own.
        const GROUP: f64 = 10.0;
        let parts = work.chunks.len() as f64;
        let fans_out = work.chunks.len() > 1;
        let memory = f64::from(scenario.function.memory_mb) / 1024.0;
        let invocations = if fans_out { parts + 2.0 } else { 1.0 };
        let lambda = busy.as_secs_f64() * memory * self.gb_second + invocations * self.invocation;
        // Segments, initialization segments, playlists of two kinds, the master, the manifest, the
        // poster; and a plan with a report for each part.
        let tracks = f64::from(work.tracks);
        let puts = f64::from(work.segments) * tracks + tracks * 3.0 + 3.0;
        let (messages, readings) = if fans_out {
            (parts + 1.0, parts * 2.0)
        } else {
            (0.0, 0.0)
        };
        let gets = parts * f64::from(scenario.assumed.requests_to_open) + readings;
        let storage = (puts + messages) * self.put + gets * self.get;
        let machine = if fans_out {
            let groups = if work.groups > 1 { work.groups } else { 0 };
            (AROUND + f64::from(groups) * GROUP + parts * EACH) * self.transition
        } else {
            0.0
        };
        // A lease is renewed every two seconds only where there is no run.
        let writes = f64::from(work.noted) + 6.0;
        Cost {
            lambda,
            storage,
            machine,
            table: writes * self.write,
        }
    }
}

/// What one video costs, in dollars.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Lambda.
    pub lambda: f64,
    /// Requests to S3; keeping and delivering is another matter.
    pub storage: f64,
    /// Step Functions.
    pub machine: f64,
    /// `DynamoDB`.
    pub table: f64,
}

impl Cost {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.lambda + self.storage + self.machine + self.table
    }
}
