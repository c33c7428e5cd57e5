//! What Lambda's sandbox allows, as far as it is decided without asking the system.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// Open files of one process.
pub(super) const DESCRIPTORS: u64 = 1024;

/// Processes and threads of a sandbox, together.
pub(super) const PROCESSES: u64 = 1024;

/// All variables of a function, with their names.
const ENVIRONMENT: usize = 4096;

/// Memory that comes with one CPU.
const MB_PER_CPU: f64 = 1769.0;

/// The most CPUs, whatever the memory.
const MOST_CPUS: f64 = 6.0;

/// Over this time a function gets its CPU, as a quota: within it, it may run on all of them.
const PERIOD: Duration = Duration::from_millis(100);

/// Who a function is, as on Lambda.
pub(super) const USER: u32 = 993;

/// One thing that holds on Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Calls,
    Descriptors,
    Environment,
    User,
    Processes,
    Files,
    Memory,
    Cpu,
    Freeze,
}

impl Rule {
    const ALL: [Self; 9] = [
        Self::Calls,
        Self::Descriptors,
        Self::Environment,
        Self::User,
        Self::Processes,
        Self::Files,
        Self::Memory,
        Self::Cpu,
        Self::Freeze,
    ];

    /// The rule, as a person is told of it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Calls => "the system calls that Lambda refuses are refused",
            Self::User => "a function is an ordinary user's, without capabilities",
            Self::Descriptors => "1,024 open files",
            Self::Environment => "4 KB of variables",
            Self::Processes => "1,024 processes and threads",
            Self::Files => {
                "a function sees its code, its layer and the system's files, read-only, and a /tmp of its own"
            }
            Self::Memory => "a function that takes more than its memory is killed",
            Self::Cpu => "CPU in proportion to memory",
            Self::Freeze => "between invocations, a function stands still",
        }
    }

    /// Whether it takes a namespace in which the sandbox's processes are the only ones, with a user of
    /// their own.
    const fn needs_namespaces(self) -> bool {
        !matches!(self, Self::Calls | Self::Descriptors | Self::Environment)
    }

    /// The rules that can't be kept where there are no namespaces.
    pub(crate) fn missing_without_namespaces() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|rule| rule.needs_namespaces())
    }
}

/// CPUs for a function of this memory.
fn cpus(memory_mb: u64) -> f64 {
    (memory_mb as f64 / MB_PER_CPU).min(MOST_CPUS)
}

/// A variable that Lambda sets, and doesn't count.
fn is_lambdas(name: &str) -> bool {
    ["AWS_", "LAMBDA_", "_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// The variables of a function, as Lambda would complete them; or why Lambda would refuse them.
pub(super) fn environment(
    given: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(OsString, OsString)>, String> {
    const LAMBDAS: [(&str, &str); 6] = [
        ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
        (
            "LD_LIBRARY_PATH",
            "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        ),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ];
    let mut all: Vec<(OsString, OsString)> = given
        .filter(|(name, _)| !LAMBDAS.iter().any(|(set, _)| OsStr::new(set) == name))
        .collect();
    let size: usize = all
        .iter()
        .filter(|(name, _)| !is_lambdas(&name.to_string_lossy()))
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > ENVIRONMENT {
        return Err(format!(
            "the function's variables have {size} bytes, and Lambda takes {ENVIRONMENT}"
        ));
    }
    all.extend(LAMBDAS.map(|(name, value)| (name.into(), value.into())));
    Ok(all)
}

/// CPU time that may be used; it comes evenly, and is kept for one period at most. More can be used
/// than there is, since that is found out afterwards; then the next has to wait.
#[derive(Debug)]
pub(super) struct CpuBudget {
    per_second: f64,
    left: f64,
}

impl CpuBudget {
    /// For a function of this memory; nothing if it may use all of this machine.
    pub(super) fn new(memory_mb: u64, cores: usize) -> Option<Self> {
        let per_second = cpus(memory_mb);
        (per_second < cores as f64).then_some(Self {
            per_second,
            left: per_second * PERIOD.as_secs_f64(),
        })
    }

    /// Takes what was used in this time; says whether there is any left.
    pub(super) fn spend(&mut self, elapsed: Duration, used: Duration) -> bool {
        let come = self.per_second * elapsed.as_secs_f64();
        let most = self.per_second * PERIOD.as_secs_f64();
        self.left = (self.left + come - used.as_secs_f64()).min(most);
        self.left > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_and_limits_take_no_namespaces() {
        let missing: Vec<_> = Rule::missing_without_namespaces().collect();
        let kept = Rule::ALL.into_iter().filter(|rule| !missing.contains(rule));
        assert_eq!(
            kept.collect::<Vec<_>>(),
            [Rule::Calls, Rule::Descriptors, Rule::Environment]
        );
    }

    #[test]
    fn cpu_is_in_proportion_to_memory() {
        assert!((cpus(1769) - 1.0).abs() < 1e-9);
        assert!((cpus(3538) - 2.0).abs() < 1e-9);
        assert!((cpus(30_000) - 6.0).abs() < 1e-9);
        assert!(CpuBudget::new(3538, 2).is_none());
        assert!(CpuBudget::new(3008, 2).is_some());
    }

    /// Whoever always wants to run gets its share, however late it is looked at.
    #[test]
    fn in_the_long_run_the_quota_holds() {
        for look_ms in [5, 25, 300] {
            let look = Duration::from_millis(look_ms);
            let mut budget = CpuBudget::new(442, 2).expect("a quarter of a CPU");
            let (mut used, mut runs) = (Duration::ZERO, true);
            let looks = 60_000 / u32::try_from(look_ms).expect("small");
            for _ in 0..looks {
                let now = if runs { look } else { Duration::ZERO };
                used += now;
                runs = budget.spend(look, now);
            }
            let share = used.as_secs_f64() / 60.0;
            assert!((0.24..0.26).contains(&share), "{share} at {look_ms} ms");
        }
    }

    #[test]
    fn what_was_not_used_is_not_saved_up() {
        let mut budget = CpuBudget::new(1769, 2).expect("one CPU");
        assert!(budget.spend(Duration::from_mins(1), Duration::ZERO));
        assert!(!budget.spend(Duration::from_millis(1), Duration::from_millis(150)));
    }

    fn variable(name: &str, bytes: usize) -> (OsString, OsString) {
        (name.into(), "x".repeat(bytes).into())
    }

    #[test]
    fn variables_are_limited_less_those_of_lambda() {
        let given = |bytes| {
            [
                variable("AWS_SESSION_TOKEN", 4000),
                variable("PATH", 4000),
                variable("ONE", bytes),
            ]
        };
        let all = environment(given(4093).into_iter()).expect("4,096 bytes");
        let path = all.iter().filter(|(name, _)| name == "PATH");
        assert_eq!(path.map(|(_, value)| value.len()).collect::<Vec<_>>(), [38]);
        let refused = environment(given(4094).into_iter()).expect_err("a byte more");
        assert!(refused.contains("4097 bytes"), "{refused}");
    }
}
