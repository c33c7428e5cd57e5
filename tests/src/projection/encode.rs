//! The chunks' way: a turn, an environment, the source, the encode, what is left to store.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use super::{Scenario, Workload, aws, bucket::Bucket};

/// What came of encoding all chunks. Times are counted from the first chunk's turn.
#[derive(Debug)]
pub(super) struct Encoded {
    /// How long the chunk that ended last waited for its turn and its environment.
    pub(super) waited: Duration,
    /// How long it then took.
    pub(super) last_took: Duration,
    /// How long functions were at work, added up, as it is billed.
    pub(super) busy: Duration,
    /// The most functions at work at one time.
    pub(super) peak_functions: usize,
}

/// What happens to a chunk; the order does not matter, but must be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// It is its turn.
    Due,
    /// Its environment is there and the program has started.
    Open,
    /// It has its first frame.
    Encode,
    /// All frames are encoded.
    Store,
    /// It is done.
    Done,
}

struct Simulation<'a> {
    scenario: &'a Scenario,
    work: &'a Workload,
    agenda: BinaryHeap<Reverse<(Duration, usize, Stage)>>,
    /// Chunks that wait for a function to become free.
    queue: VecDeque<usize>,
    at_once: usize,
    running: usize,
    /// Environments that have served and are free.
    warm: usize,
    environments: Bucket,
    gets: Bucket,
    puts: Bucket,
    writes: Bucket,
    noise: Noise,
    began: Vec<Duration>,
    outcome: Encoded,
}

pub(super) fn run(scenario: &Scenario, work: &Workload, seed: u64) -> Encoded {
    let quotas = &scenario.quotas;
    let per_second = |rate: f64| Bucket::new(rate, rate);
    let one = work.chunks.len() == 1;
    let mut simulation = Simulation {
        scenario,
        work,
        agenda: BinaryHeap::new(),
        queue: VecDeque::new(),
        at_once: quotas
            .concurrency
            .min(work.groups as usize * aws::INLINE_MAP),
        running: 0,
        // A single chunk is encoded by the function that planned it; others are joined by it.
        warm: 1,
        environments: Bucket::new(quotas.new_environments, quotas.new_environments / 10.0),
        gets: per_second(quotas.gets_per_second),
        puts: per_second(quotas.puts_per_second),
        writes: per_second(quotas.writes_per_second),
        noise: Noise(seed),
        began: vec![Duration::ZERO; work.chunks.len()],
        outcome: Encoded {
            waited: Duration::ZERO,
            last_took: Duration::ZERO,
            busy: Duration::ZERO,
            peak_functions: 0,
        },
    };
    let mut starts = per_second(quotas.transitions_per_second);
    for chunk in 0..work.chunks.len() {
        let due = if one {
            Duration::ZERO
        } else {
            starts.take(Duration::ZERO, 1.0)
        };
        simulation.agenda.push(Reverse((due, chunk, Stage::Due)));
    }
    while let Some(Reverse((now, chunk, stage))) = simulation.agenda.pop() {
        simulation.step(now, chunk, stage);
    }
    simulation.outcome
}

impl Simulation<'_> {
    fn step(&mut self, now: Duration, chunk: usize, stage: Stage) {
        let assumed = &self.scenario.assumed;
        let costs = &self.scenario.costs;
        match stage {
            Stage::Due => {
                self.queue.push_back(chunk);
                self.start_next(now);
            }
            Stage::Open => {
                let requests = assumed.requests_to_open;
                let granted = self.gets.take(now, requests.into());
                let ready = granted + assumed.request * requests;
                self.agenda.push(Reverse((ready, chunk, Stage::Encode)));
            }
            Stage::Encode => {
                let seconds = self.work.chunks[chunk];
                let cpu = costs.chunk_cpu + costs.encode_cpu * seconds;
                let speed = self.scenario.function.speed(assumed);
                let took = cpu / speed * self.noise.factor(assumed.spread);
                let done = now + Duration::from_secs_f64(took);
                self.agenda.push(Reverse((done, chunk, Stage::Store)));
            }
            Stage::Store => {
                // What was stored on the way has used up its share of the rate as well.
                let share = self.work.chunks[chunk] / self.work.seconds();
                let objects = f64::from(self.work.segments * self.work.tracks) * share;
                let stored = self.puts.take(now, objects + 1.0) + assumed.request;
                // Some of the chunks note that they are done.
                let notes = f64::from(self.work.noted) / self.work.chunks.len() as f64;
                let noted = self.writes.take(stored, notes) + assumed.request * 2;
                self.agenda.push(Reverse((noted, chunk, Stage::Done)));
            }
            Stage::Done => {
                let took = now.saturating_sub(self.began[chunk]);
                self.outcome.waited = self.began[chunk];
                self.outcome.last_took = took;
                self.outcome.busy += took;
                self.running -= 1;
                self.warm += 1;
                self.start_next(now);
            }
        }
    }

    fn start_next(&mut self, now: Duration) {
        if self.running == self.at_once {
            return;
        }
        let Some(chunk) = self.queue.pop_front() else {
            return;
        };
        self.running += 1;
        self.outcome.peak_functions = self.outcome.peak_functions.max(self.running);
        let began = if self.warm > 0 {
            self.warm -= 1;
            now
        } else {
            let granted = self.environments.take(now, 1.0);
            // The program's own start is billed, the sandbox' is not.
            granted + self.scenario.assumed.sandbox
        };
        let cold = if began == now {
            Duration::ZERO
        } else {
            self.scenario.costs.cold_start
        };
        self.began[chunk] = began;
        self.agenda
            .push(Reverse((began + cold, chunk, Stage::Open)));
    }
}

/// Pseudo-random numbers (splitmix64): the same on every machine.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A factor whose logarithm is normal around zero with this standard deviation.
    fn factor(&mut self, spread: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.uniform();
        (spread * radius * angle.cos()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_lie_around_one() {
        let mut noise = Noise(7);
        let mut factors: Vec<f64> = (0..10_001).map(|_| noise.factor(0.2)).collect();
        factors.sort_by(f64::total_cmp);
        assert!((factors[5000] - 1.0).abs() < 0.02);
        // One standard deviation: 84 of 100 are below exp(0.2).
        assert!((factors[8413] - 0.2f64.exp()).abs() < 0.03);
    }
}
