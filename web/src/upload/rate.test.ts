import { expect, test } from 'vitest';
import { Rate } from './rate';

test('a steady speed is that speed', () => {
  const rate = new Rate();
  expect(rate.perSecond).toBeNull();
  for (let second = 0; second <= 10; second += 1) rate.sample(second * 500, second * 1000);
  expect(rate.perSecond).toBeCloseTo(500);
});

test('a jump is smoothed, then believed', () => {
  const rate = new Rate();
  rate.sample(0, 0);
  rate.sample(1_000, 1_000);
  rate.sample(11_000, 2_000);
  expect(rate.perSecond).toBeGreaterThan(1_000);
  expect(rate.perSecond).toBeLessThan(5_000);
  for (let second = 3; second < 30; second += 1) {
    rate.sample(11_000 + (second - 2) * 10_000, second * 1000);
  }
  expect(rate.perSecond).toBeCloseTo(10_000, -2);
});

test('a part that is sent again is not a negative speed', () => {
  const rate = new Rate();
  rate.sample(0, 0);
  rate.sample(5_000, 1_000);
  rate.sample(2_000, 2_000);
  expect(rate.perSecond).toBeNull();
  rate.sample(3_000, 3_000);
  expect(rate.perSecond).toBeCloseTo(1_000);
});
