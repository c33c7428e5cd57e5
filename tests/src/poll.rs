//! Waits for what happens elsewhere: one loop, so that every deadline says what was seen last.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// How long is waited for something, and how often it is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    limit: Duration,
    interval: Duration,
}

impl Patience {
    /// Until then, five times a second.
    pub const fn of(limit: Duration) -> Self {
        Self {
            limit,
            interval: Duration::from_millis(200),
        }
    }

    /// Looking this often.
    #[must_use]
    pub const fn every(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Looks until there is what is looked for; else gives what was seen last.
    pub async fn try_wait_for<T, S>(
        self,
        mut look: impl AsyncFnMut() -> Result<T, S>,
    ) -> Result<T, S> {
        let begun = Instant::now();
        loop {
            let seen = look().await;
            if seen.is_ok() || begun.elapsed() > self.limit {
                return seen;
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    /// Looks until there is what is looked for, and fails with what was seen last.
    pub async fn wait_for<T, S: Debug>(
        self,
        what: &str,
        look: impl AsyncFnMut() -> Result<T, S>,
    ) -> T {
        let found = self.try_wait_for(look).await;
        found.unwrap_or_else(|seen| self.give_up(what, &seen))
    }

    /// The same as [`Self::try_wait_for`], without a runtime.
    pub fn try_block_on<T, S>(self, mut look: impl FnMut() -> Result<T, S>) -> Result<T, S> {
        let begun = Instant::now();
        loop {
            let seen = look();
            if seen.is_ok() || begun.elapsed() > self.limit {
                return seen;
            }
            thread::sleep(self.interval);
        }
    }

    /// The same as [`Self::wait_for`], without a runtime.
    pub fn block_on<T, S: Debug>(self, what: &str, look: impl FnMut() -> Result<T, S>) -> T {
        let found = self.try_block_on(look);
        found.unwrap_or_else(|seen| self.give_up(what, &seen))
    }

    fn give_up(self, what: &str, seen: &dyn Debug) -> ! {
        panic!("{what}: not within {:?}; seen last: {seen:#?}", self.limit)
    }
}

/// What a look gives that only knows whether something is so.
pub fn so(is_so: bool) -> Result<(), &'static str> {
    is_so.then_some(()).ok_or("it is not so")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Patience = Patience::of(Duration::from_millis(50)).every(Duration::from_millis(1));

    #[test]
    fn it_looks_until_it_is_so() {
        let mut looks = 0;
        let found = SOON.block_on("three looks", || {
            looks += 1;
            if looks == 3 { Ok("found") } else { Err(looks) }
        });
        assert_eq!((found, looks), ("found", 3));
    }

    #[test]
    #[should_panic(expected = "a miracle: not within 50ms; seen last: \"nothing\"")]
    fn it_says_what_was_seen_last() {
        SOON.block_on("a miracle", || Err::<(), _>("nothing"));
    }

    #[tokio::test]
    async fn both_loops_look_at_least_once_and_give_up() {
        let hurried = Patience::of(Duration::ZERO).every(Duration::ZERO);
        assert_eq!(hurried.try_block_on(|| Ok::<_, ()>(7)), Ok(7));
        assert_eq!(hurried.try_wait_for(async || Ok::<_, ()>(7)).await, Ok(7));
        assert_eq!(hurried.try_block_on(|| Err::<(), _>(7)), Err(7));
        assert_eq!(hurried.try_wait_for(async || Err::<(), _>(7)).await, Err(7));
    }
}
