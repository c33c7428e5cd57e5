//! What does Rust gain where a client waits? `presign` and `lookup` against the same work in Python
//! with boto3, on the runtime that Lambda itself starts Python functions with (awslambdaric).
//!
//! Both talk to the same emulator. *Own* time is what remains of an invocation without the time that
//! the emulator took (see [`crate::meter`]): the function's work, and what it waits for a core. *CPU*
//! time is without that wait.
//! TLS to DynamoDB, which the emulator does not speak, is left out on both sides, and so is fetching
//! the code. The table is one without a stream: what follows a change of a record would take the
//! cores while the next request is measured.

use std::{collections::HashMap, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use reelrun_tests::stack::Stack;
use serde_json::{Map, Value, json};

use crate::{
    figures::{Limits, median, quantile},
    meter::Meter,
    python,
    runtime::{self, Invocation, Sandbox},
    same_work,
};

const COLD_STARTS: usize = 12;
const WARM: usize = 5000;
/// The two take turns of this length, so that what else the machine does strikes both. The first
/// request of a turn finds the caches full of the other's code and takes twice the usual time: it is
/// not warm, and has a figure of its own.
const TURN: usize = 250;
/// How many times better than Python Reelrun must be.
const TIMES_BETTER: f64 = 5.0;

/// One implementation of a function, and what was measured of it. Times are in milliseconds.
struct Subject<'a> {
    label: &'static str,
    name: &'static str,
    /// The Python that runs it; none for Reelrun's own program.
    python: Option<&'a Path>,
    environment: &'a HashMap<String, String>,
    meter: Meter,
    initialisation: Vec<f64>,
    cold: Vec<f64>,
    cold_own: Vec<f64>,
    cold_cpu: Vec<f64>,
    warm: Vec<f64>,
    warm_own: Vec<f64>,
    warm_cpu: Vec<f64>,
    /// Own times of each turn's first request.
    after_pause: Vec<f64>,
    requests_to_aws: u32,
}

pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    println!(
        "The API's functions against Python: {COLD_STARTS} cold starts, {WARM} warm invocations; ms"
    );
    let python = python::environment("python", "tests/bench/python/requirements.txt")?;
    let stack = &quiet(stack).await?;
    let video = same_work::ready_video(stack).await?;
    let mut report = Map::new();
    for (name, function, event) in [
        (
            "presign",
            &stack.presign_function,
            same_work::upload_event(stack)?,
        ),
        (
            "lookup",
            &stack.lookup_function,
            same_work::video_event(video)?,
        ),
    ] {
        let mut environment = runtime::environment(stack, function).await?;
        environment.insert("VIDEOS_TABLE".into(), stack.videos_table.clone());
        let subject = |label, python| Subject::new(label, name, python, stack, &environment);
        let mut rust = subject("Rust", None)?;
        let mut other = subject("Python", Some(python.as_path()))?;
        let answers = [&rust, &other].map(|subject| subject.first(&event));
        let [ours, theirs] = answers;
        same_work::check(stack, name, &ours?.answer, &theirs?.answer).await?;
        measure([&mut rust, &mut other], &event)?;
        println!("  {name}:");
        rust.print();
        other.print();
        println!(
            "    {:.1} times less CPU for a warm request",
            other.cpu_per_request() / rust.cpu_per_request()
        );
        for (what, times) in [
            ("cold start", median(&other.cold) / median(&rust.cold)),
            ("warm p99, own time", other.own_p99() / rust.own_p99()),
        ] {
            let what = format!("{name}: {what}, times better than Python");
            limits.at_least(what, times, TIMES_BETTER);
        }
        let figures = json!({"rust": rust.to_json(), "python": other.to_json()});
        report.insert(name.into(), figures);
    }
    Ok(report.into())
}

/// The stack with a table of its own, of which nobody takes notice.
async fn quiet(stack: &Stack) -> Result<Stack> {
    let mut stack = stack.clone();
    stack.videos_table = "bench-videos".into();
    let client = aws_sdk_dynamodb::Client::new(&stack.aws());
    let key = KeySchemaElement::builder().attribute_name("id");
    let attribute = AttributeDefinition::builder().attribute_name("id");
    client
        .create_table()
        .table_name(&stack.videos_table)
        .key_schema(key.key_type(KeyType::Hash).build()?)
        .attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build()?)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await?;
    Ok(stack)
}

fn measure(mut subjects: [&mut Subject<'_>; 2], event: &[u8]) -> Result<()> {
    for _ in 0..COLD_STARTS {
        for subject in &mut subjects {
            subject.measure_cold(event)?;
        }
    }
    let warm = [subjects[0].start()?, subjects[1].start()?];
    for (subject, sandbox) in subjects.iter().zip(&warm) {
        sandbox.initialised()?;
        for _ in 0..TURN {
            sandbox.invoke(event)?;
        }
        subject.meter.take();
    }
    for _ in 0..WARM / TURN {
        for (subject, sandbox) in subjects.iter_mut().zip(&warm) {
            subject.measure_warm(sandbox, event)?;
        }
    }
    Ok(())
}

/// Milliseconds of an invocation that were not spent waiting. Waits lie within it.
fn own(took: Duration, waited: Duration) -> f64 {
    took.saturating_sub(waited).as_secs_f64() * 1e3
}

impl<'a> Subject<'a> {
    fn new(
        label: &'static str,
        name: &'static str,
        python: Option<&'a Path>,
        stack: &Stack,
        environment: &'a HashMap<String, String>,
    ) -> Result<Self> {
        Ok(Self {
            label,
            name,
            python,
            environment,
            meter: Meter::start(stack.aws_endpoint_url.trim_start_matches("http://"))?,
            initialisation: Vec::new(),
            cold: Vec::new(),
            cold_own: Vec::new(),
            cold_cpu: Vec::new(),
            warm: Vec::new(),
            warm_own: Vec::new(),
            warm_cpu: Vec::new(),
            after_pause: Vec::new(),
            requests_to_aws: 0,
        })
    }

    fn start(&self) -> Result<Sandbox> {
        let mut command = match self.python {
            Some(python) => {
                let mut command = Command::new(python);
                command
                    .args(["-m", "awslambdaric"])
                    .arg(format!("{}.handler", self.name))
                    .current_dir("tests/bench/python");
                command
            }
            None => Command::new(format!("target/lambda/{}/bootstrap", self.name)),
        };
        command
            .env_clear()
            .envs(self.environment)
            .env("AWS_ENDPOINT_URL", self.meter.url())
            // A function's code is read-only on Lambda: what is compiled is not kept.
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Sandbox::start(&mut command)
    }

    fn first(&self, event: &[u8]) -> Result<Invocation> {
        let sandbox = self.start()?;
        sandbox.initialised()?;
        let invocation = sandbox.invoke(event);
        self.meter.take();
        invocation.with_context(|| format!("{} in {}", self.name, self.label))
    }

    fn measure_cold(&mut self, event: &[u8]) -> Result<()> {
        let sandbox = self.start()?;
        let initialised = sandbox.initialised()?;
        let took = sandbox.invoke(event)?.since_start;
        let (waited, _) = self.meter.take();
        self.initialisation.push(initialised.as_secs_f64() * 1e3);
        self.cold.push(took.as_secs_f64() * 1e3);
        self.cold_own.push(own(took, waited));
        self.cold_cpu.push(sandbox.cpu_seconds() * 1e3);
        Ok(())
    }

    fn measure_warm(&mut self, sandbox: &Sandbox, event: &[u8]) -> Result<()> {
        let mut before = sandbox.cpu_seconds();
        for request in 0..TURN {
            let took = sandbox.invoke(event)?.took;
            let after = sandbox.cpu_seconds();
            self.warm_cpu.push((after - before) * 1e3);
            before = after;
            let (waited, requests) = self.meter.take();
            self.requests_to_aws = requests;
            if request == 0 {
                self.after_pause.push(own(took, waited));
            } else {
                self.warm.push(took.as_secs_f64() * 1e3);
                self.warm_own.push(own(took, waited));
            }
        }
        Ok(())
    }

    fn print(&self) {
        println!(
            "    {:6}  cold {:4.0} (own {:4.0}, CPU {:4.0})   warm p50 {:5.2} p99 {:5.2}, own p50 {:5.2} p99 {:5.2} after a pause {:5.2}, CPU p50 {:5.2} p99 {:5.2}   {:.0} requests per core-second",
            self.label,
            median(&self.cold),
            median(&self.cold_own),
            median(&self.cold_cpu),
            median(&self.warm),
            quantile(&self.warm, 0.99),
            median(&self.warm_own),
            self.own_p99(),
            median(&self.after_pause),
            median(&self.warm_cpu),
            quantile(&self.warm_cpu, 0.99),
            1e3 / self.cpu_per_request(),
        );
    }

    /// The 99th percentile of a turn, in the median of all turns: for seconds at a time a machine
    /// with others on it takes twice as long for everything, and the percentile of all requests
    /// would be that of whoever's turn it was.
    fn own_p99(&self) -> f64 {
        let turns = self.warm_own.chunks(TURN - 1);
        median(&turns.map(|turn| quantile(turn, 0.99)).collect::<Vec<_>>())
    }

    fn cpu_per_request(&self) -> f64 {
        self.warm_cpu.iter().sum::<f64>() / self.warm_cpu.len() as f64
    }

    fn to_json(&self) -> Value {
        let quantiles = |values: &[f64]| {
            json!({
                "p50": quantile(values, 0.5),
                "p90": quantile(values, 0.9),
                "p99": quantile(values, 0.99),
            })
        };
        json!({
            "cold_starts": self.cold.len(),
            "cold_ms": median(&self.cold),
            "cold_own_ms": median(&self.cold_own),
            "cold_cpu_ms": median(&self.cold_cpu),
            "initialisation_ms": median(&self.initialisation),
            "warm_invocations": self.warm.len(),
            "warm_ms": quantiles(&self.warm),
            "warm_own_ms": quantiles(&self.warm_own),
            "turn_p99_own_ms": self.own_p99(),
            "after_pause_own_ms": median(&self.after_pause),
            "requests_to_aws_each": self.requests_to_aws,
            "warm_cpu_ms": quantiles(&self.warm_cpu),
            "cpu_ms_per_request": self.cpu_per_request(),
            "requests_per_core_second": 1e3 / self.cpu_per_request(),
        })
    }
}
