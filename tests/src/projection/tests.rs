use super::*;

fn scenario() -> Scenario {
    Scenario {
        costs: Costs {
            encode_cpu: 1.0,
            chunk_cpu: 1.0,
            cold_start: Duration::from_millis(100),
            probe: Duration::from_millis(200),
            publish_cpu_per_segment: 0.0001,
        },
        assumed: Assumptions {
            vcpu_speed: 1.0,
            parallel_efficiency: 1.0,
            spread: 0.0,
            ..Assumptions::default()
        },
        quotas: Quotas::default(),
        prices: Prices::arm64(),
        function: Function { memory_mb: 1769 },
    }
}

fn work(chunks: usize, seconds: f64) -> Workload {
    Workload {
        chunks: vec![seconds; chunks],
        segments: u32::try_from(chunks).unwrap(),
        tracks: 6,
        noted: 40,
        groups: u32::try_from(chunks.div_ceil(aws::INLINE_MAP)).unwrap(),
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

#[test]
fn one_chunk_has_neither_a_machine_nor_a_second_start() {
    let answer = scenario().run(&work(1, 6.0), 1);
    assert_eq!(answer.terms.machine, Duration::ZERO);
    assert_eq!(answer.terms.environments, Duration::ZERO);
    // Six seconds of content and one of overhead, 6 requests to open, 3 at the end.
    assert!((seconds(answer.terms.longest_chunk) - 7.27).abs() < 1e-6);
    assert_eq!(answer.terms.dominant(), "longest chunk");
    assert_eq!(answer.peak_functions, 1);
}

#[test]
fn the_terms_are_all_of_the_time() {
    let terms = scenario().run(&work(600, 12.0), 1).terms;
    let sum: f64 = terms.named().map(|(_, time)| seconds(time)).iter().sum();
    assert!((sum - seconds(terms.total())).abs() < 1e-6);
}

#[test]
fn the_same_seed_gives_the_same_answer() {
    let mut scenario = scenario();
    scenario.assumed.spread = 0.3;
    let total = |seed| scenario.run(&work(600, 12.0), seed).terms.total();
    assert_eq!(total(1), total(1));
    assert_ne!(total(1), total(2));
}

#[test]
fn chunks_beyond_the_concurrency_take_turns() {
    let mut scenario = scenario();
    scenario.quotas.concurrency = 10;
    let answer = scenario.run(&work(50, 9.0), 1);
    assert_eq!(answer.peak_functions, 10);
    let rounds = seconds(answer.terms.environments) + seconds(answer.terms.longest_chunk);
    assert!((50.0..56.0).contains(&rounds), "{rounds}");
}

#[test]
fn an_inline_map_holds_forty() {
    let answer = scenario().run(&work(40, 6.0), 1);
    assert_eq!(answer.peak_functions, 40);
    assert!(answer.terms.environments < Duration::from_secs(1));
}

#[test]
fn environments_beyond_a_thousand_come_at_a_hundred_a_second() {
    let mut scenario = scenario();
    scenario.quotas.concurrency = 2000;
    scenario.quotas.transitions_per_second = 1e6;
    let answer = scenario.run(&work(1501, 60.0), 1);
    // One is warm, 1000 are granted at once, the rest within five seconds.
    assert!((seconds(answer.terms.environments) - 5.4).abs() < 0.1);
}

#[test]
fn more_memory_is_sooner_done() {
    let mut scenario = scenario();
    let slow = scenario.run(&work(100, 12.0), 1);
    scenario.function.memory_mb = 10_240;
    let fast = scenario.run(&work(100, 12.0), 1);
    assert!(fast.terms.longest_chunk * 3 < slow.terms.longest_chunk);
}

#[test]
fn lambda_is_billed_for_its_time_and_memory() {
    let scenario = scenario();
    let cost = scenario.run(&work(1, 60.0), 1).cost;
    // 61 s of encoding, and about a second around it, with 1.73 GB.
    let expected = 62.0 * 1769.0 / 1024.0 * 0.000_013_333_4;
    assert!((cost.lambda / expected - 1.0).abs() < 0.02, "{cost:?}");
    assert!(cost.machine.abs() < f64::EPSILON);
    assert!(cost.total() > cost.lambda);
}
