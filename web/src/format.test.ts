import { expect, test } from 'vitest';
import { ago, bitRate, duration, percent, size, timeLeft } from './format';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1 kB'],
  [999_499, '999 kB'],
  [999_500, '1 MB'],
  [1_500_000, '1.5 MB'],
  [12_345_678, '12.3 MB'],
  [53_687_091_200, '53.7 GB'],
])('size of %i', (bytes, text) => expect(size(bytes)).toBe(text));

test.each([
  [128_000, '128 kbit/s'],
  [999_500, '1.0 Mbit/s'],
  [5_250_000, '5.3 Mbit/s'],
])('bit rate of %i', (rate, text) => expect(bitRate(rate)).toBe(text));

test.each([
  [0, '0:00'],
  [59_600, '1:00'],
  [61_000, '1:01'],
  [3_725_000, '1:02:05'],
])('duration of %i ms', (ms, text) => expect(duration(ms)).toBe(text));

test.each([
  [0.4, 'almost done'],
  [7.2, '8 s left'],
  [31, '35 s left'],
  [50, '1 min left'],
  [95, '2 min left'],
  [3_600, '1 h 0 min left'],
  [90_000, 'more than a day left'],
])('%f s left', (seconds, text) => expect(timeLeft(seconds)).toBe(text));

test.each([
  [0, '0%'],
  [0.29, '29%'],
  [0.999, '99%'],
  [1, '100%'],
  [1.2, '100%'],
])('%f in percent', (fraction, text) => expect(percent(fraction)).toBe(text));

test('times ago', () => {
  const now = new Date('2024-05-02T12:00:00Z');
  const before = (seconds: number) => ago(new Date(now.getTime() - seconds * 1000), now);
  expect(before(-5)).toBe('just now');
  expect(before(59)).toBe('just now');
  expect(before(60)).toBe('1 minute ago');
  expect(before(7_200)).toBe('2 hours ago');
  expect(before(100_000)).toBe('yesterday');
});
