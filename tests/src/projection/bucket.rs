//! A token bucket: how AWS states most of its rates.

use std::time::Duration;

/// So many at once, and so many more each second. Who finds it empty waits, first come first served.
#[derive(Debug)]
pub(super) struct Bucket {
    capacity: f64,
    per_second: f64,
    /// Below zero when tokens are promised that are still to come.
    level: f64,
    at: Duration,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(capacity: f64, per_second: f64) -> Self {
        Self {
            capacity,
            per_second,
            level: capacity,
            at: Duration::ZERO,
        }
    }

    /// Takes tokens, and gives the time from
    /// which they may be used.
    pub(super) fn take(&mut self, now: Duration, tokens: f64) -> Duration {
        let since = now.saturating_sub(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.level = (self.level + since * self.per_second).min(self.capacity) - tokens;
        if self.level >= 0.0 {
            now
        } else {
            now + Duration::from_secs_f64(-self.level / self.per_second)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_when_it_is_empty_waits_in_line() {
        let mut bucket = Bucket::new(2.0, 1.0);
        let mut take = |at| bucket.take(Duration::from_secs(at), 1.0).as_secs();
        assert_eq!([take(0), take(0), take(0), take(0)], [0, 0, 1, 2]);
        // Two seconds later the debt is paid, and no more.
        assert_eq!(
            [take(2), take(100), take(100), take(100)],
            [3, 100, 100, 101]
        );
    }
}
