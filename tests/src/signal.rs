//! What is heard: tones and clicks, to the sample.

/// Samples. The codec moves a tone by less than a tenth; a lost or doubled sample by one.
pub const SAME_PHASE: f64 = 0.25;

/// How much a signal departs from a pure tone, sample by sample: of a tone, each sample follows
/// from the two before it.
pub fn departure(samples: &[f32], hertz: f64, rate: f64) -> Vec<f64> {
    let turn = 2.0 * (std::f64::consts::TAU * hertz / rate).cos();
    samples
        .windows(3)
        .map(|s| (f64::from(s[2]) - turn * f64::from(s[1]) + f64::from(s[0])).abs())
        .collect()
}

/// Where a tone is within its period, in samples, around this sample; 0 where it is silent.
pub fn phase(samples: &[f32], at: usize, hertz: f64, rate: f64) -> f64 {
    let step = std::f64::consts::TAU * hertz / rate;
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (i, &sample) in samples[at..at + 4800].iter().enumerate() {
        let angle = step * (at + i) as f64;
        sine += f64::from(sample) * angle.sin();
        cosine += f64::from(sample) * angle.cos();
    }
    // Of 4800 samples of a tone of a hundredth.
    if sine.hypot(cosine) < 24.0 {
        return 0.0;
    }
    cosine.atan2(sine) / step
}

/// The middle of what is loud around a full second, in samples after it.
pub fn click(samples: &[f32], second: usize) -> f64 {
    let start = second * 48_000 - 200;
    let energies = samples[start..start + 400]
        .iter()
        .map(|&s| f64::from(s).powi(2));
    let (mut sum, mut moment) = (0.0, 0.0);
    for (at, energy) in energies.enumerate() {
        sum += energy;
        moment += energy * (at as f64 - 200.0);
    }
    moment / sum
}
