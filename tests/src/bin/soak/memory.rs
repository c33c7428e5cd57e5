//! The memory that each function's processes hold, followed over the whole time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use reelrun_tests::{processes::of_function, stack::Stack};

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What allocators may keep; more than this is not noise.
const SLACK_BYTES: u64 = 16 << 20;

pub(crate) struct Memory(Arc<Mutex<BTreeMap<&'static str, Vec<u64>>>>);

impl Memory {
    pub(crate) fn watch(stack: &Stack) -> Self {
        let seen: Arc<Mutex<BTreeMap<&'static str, Vec<u64>>>> = Arc::default();
        let (stack, samples) = (stack.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                for (name, function) in stack.functions() {
                    let processes = of_function(&stack, function);
                    let most = processes.iter().filter_map(|p| p.memory_bytes()).max();
                    if let Some(most) = most {
                        samples.lock().unwrap().entry(name).or_default().push(most);
                    }
                }
            }
        });
        Self(seen)
    }

    /// What is wrong: the most that any process of a function held in the last third of the time,
    /// against the first.
    pub(crate) fn judge(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        println!("Memory of one process, at most (MiB):");
        for (name, samples) in &*self.0.lock().unwrap() {
            let third = samples.len().div_ceil(3);
            let most = |samples: &[u64]| samples.iter().copied().max().unwrap_or_default();
            let (first, last) = (
                most(&samples[..third]),
                most(&samples[samples.len() - third..]),
            );
            println!(
                "  {name:10} {:6.1} in the first third, {:6.1} in the last",
                mib(first),
                mib(last)
            );
            if last > first + SLACK_BYTES {
                wrong.push(format!(
                    "{name} grew from {:.1} to {:.1} MiB",
                    mib(first),
                    mib(last)
                ));
            }
        }
        wrong
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
