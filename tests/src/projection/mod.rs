//! How soon a video would be ready on AWS, and what it would cost: a simulation of one video's way
//! through the pipeline, event by event.
//!
//! Nothing here touches the network or the clock: what was measured comes in as [`Costs`], what can't
//! be measured without an account as [`Assumptions`], what AWS allows and asks for as
//! [`aws::Quotas`] and [`aws::Prices`]. The same seed gives the same answer.

pub mod aws;
mod bucket;
mod encode;

use std::time::Duration;

use reelrun_media::plan::{Part, Plan};

use self::aws::{Prices, Quotas};

/// What the work costs, measured on one machine.
#[derive(Debug, Clone, Copy)]
pub struct Costs {
    /// CPU seconds for a second of content, all renditions and the sound.
    pub encode_cpu: f64,
    /// CPU seconds that a chunk costs on top: a process starts, opens the source, decodes what it
    /// does not show.
    pub chunk_cpu: f64,
    /// From a process' start to its first answer.
    pub cold_start: Duration,
    /// How long ffprobe takes, storage included.
    pub probe: Duration,
    /// CPU seconds to read the reports and write the playlists of one segment of all tracks.
    pub publish_cpu_per_segment: f64,
}

/// What only an account on AWS would show. Printed with every answer.
#[derive(Debug, Clone, Copy)]
pub struct Assumptions {
    /// From the end of an upload to the function's invocation.
    pub event_delivery: Duration,
    /// What Lambda takes to make an environment before the program starts.
    pub sandbox: Duration,
    /// One request to S3, DynamoDB or Step Functions, small, within the region.
    pub request: Duration,
    /// From the start of an execution to its first task.
    pub execution_start: Duration,
    /// From the end of a group's execution until the run that waits for it goes on; AWS publishes no
    /// figure.
    pub group_end: Duration,
    /// Requests to open the source and reach the chunk's first frame, one after the other.
    pub requests_to_open: u32,
    /// A Lambda vCPU's speed over that of a core of the machine that measured.
    pub vcpu_speed: f64,
    /// Which part of a second vCPU and of all further ones an encode makes use of.
    pub parallel_efficiency: f64,
    /// Spread of the chunks' encoding times: the standard deviation of their logarithm.
    pub spread: f64,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            event_delivery: Duration::from_millis(500),
            sandbox: Duration::from_millis(400),
            request: Duration::from_millis(30),
            execution_start: Duration::from_millis(200),
            group_end: Duration::from_secs(1),
            requests_to_open: 6,
            vcpu_speed: 0.8,
            parallel_efficiency: 0.9,
            spread: 0.15,
        }
    }
}

/// The function that does the work.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its memory, which also decides how many vCPUs it has.
    pub memory_mb: u32,
}

impl Function {
    /// Lambda gives one vCPU for 1,769 MB.
    pub fn vcpus(self) -> f64 {
        f64::from(self.memory_mb) / 1769.0
    }

    /// How many times faster than one core of the machine that measured it encodes.
    fn speed(self, assumed: &Assumptions) -> f64 {
        let vcpus = self.vcpus();
        let useful = vcpus.min(1.0) + (vcpus - 1.0).max(0.0) * assumed.parallel_efficiency;
        useful * assumed.vcpu_speed
    }
}

/// What there is to do, as a plan says it.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Seconds of content in each chunk.
    pub chunks: Vec<f64>,
    /// Segments of one track.
    pub segments: u32,
    /// Tracks, the sound included.
    pub tracks: u32,
    /// How many chunks note their end in the catalog.
    pub noted: u32,
    /// The groups that the chunks come in; one if a single execution encodes them all.
    pub groups: u32,
}

impl Workload {
    /// The work that a plan asks for.
    pub fn of(plan: &Plan) -> Self {
        let rate = plan.grid().frame_rate.as_f64();
        let parts: Vec<Part> = plan.parts().collect();
        let spans = parts.iter().filter_map(|&part| plan.span(part));
        let frames = spans.map(|span| span.end_frame - span.first_frame);
        let segments = plan.grid().segments_for(plan.frames());
        let tracks = plan.renditions().len() + plan.audio().len();
        Self {
            chunks: frames.map(|frames| frames as f64 / rate).collect(),
            segments: u32::try_from(segments).unwrap_or(u32::MAX),
            tracks: u32::try_from(tracks).unwrap_or(u32::MAX),
            noted: plan.counted(),
            groups: u32::try_from(parts.len().div_ceil(aws::INLINE_MAP)).unwrap_or(u32::MAX),
        }
    }

    /// Seconds of content.
    pub fn seconds(&self) -> f64 {
        self.chunks.iter().sum()
    }
}

/// Where the time until a video is ready goes. The terms follow each other and add up to all of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// S3 tells Lambda.
    pub event: Duration,
    /// A function starts, probes the source, plans.
    pub probe_and_plan: Duration,
    /// The state machine starts, and sees that its groups have ended.
    pub machine: Duration,
    /// What the chunk that is done last waits for its turn and its environment.
    pub environments: Duration,
    /// What it then takes.
    pub longest_chunk: Duration,
    /// Playlists.
    pub publish: Duration,
}

impl Terms {
    /// Each with its name.
    pub fn named(&self) -> [(&'static str, Duration); 6] {
        [
            ("event", self.event),
            ("probe and plan", self.probe_and_plan),
            ("state machine", self.machine),
            ("environments", self.environments),
            ("longest chunk", self.longest_chunk),
            ("publish", self.publish),
        ]
    }

    /// From the end of the upload until the video is ready.
    pub fn total(&self) -> Duration {
        self.named().into_iter().map(|(_, time)| time).sum()
    }

    /// The largest term's name.
    pub fn dominant(&self) -> &'static str {
        let largest = self.named().into_iter().max_by_key(|(_, time)| *time);
        largest.map_or("", |(name, _)| name)
    }
}

/// What would happen.
#[derive(Debug, Clone, Copy)]
pub struct Projection {
    /// Where the time goes.
    pub terms: Terms,
    /// What it costs, in dollars.
    pub cost: aws::Cost,
    /// The most functions at work at one time.
    pub peak_functions: usize,
}

/// One simulated video.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What was measured.
    pub costs: Costs,
    /// What was assumed.
    pub assumed: Assumptions,
    /// What AWS allows.
    pub quotas: Quotas,
    /// What it asks for.
    pub prices: Prices,
    /// What runs.
    pub function: Function,
}

impl Scenario {
    /// Sends one video through.
    pub fn run(&self, work: &Workload, seed: u64) -> Projection {
        let assumed = &self.assumed;
        let first_start = assumed.sandbox + self.costs.cold_start;
        // The lease, the probe, and what says that the work has begun.
        let planning = self.costs.probe + assumed.request * 3;
        let encoded = encode::run(self, work, seed);
        let publishing = self.publishing(work);
        let one = work.chunks.len() == 1;
        let start = assumed.request + assumed.execution_start;
        let terms = Terms {
            event: assumed.event_delivery,
            probe_and_plan: first_start + planning,
            machine: match (one, work.groups) {
                (true, _) => Duration::ZERO,
                (false, 1) => start,
                (false, _) => start * 2 + assumed.group_end,
            },
            environments: encoded.waited,
            longest_chunk: encoded.last_took,
            publish: publishing,
        };
        let busy = self.costs.cold_start + planning + encoded.busy + publishing;
        Projection {
            terms,
            cost: self.prices.cost(self, work, busy),
            peak_functions: encoded.peak_functions,
        }
    }

    /// Reports are read in rounds; then media playlists together, the manifest, the master.
    fn publishing(&self, work: &Workload) -> Duration {
        const AT_ONCE: usize = 128;
        let rounds = match work.chunks.len() {
            1 => 0,
            chunks => chunks.div_ceil(AT_ONCE),
        };
        let requests = u32::try_from(rounds).unwrap_or(u32::MAX) + 4;
        let cpu = self.costs.publish_cpu_per_segment * f64::from(work.segments);
        self.assumed.request * requests
            + Duration::from_secs_f64(cpu / self.function.speed(&self.assumed).min(1.0))
    }
}

#[cfg(test)]
mod tests;
