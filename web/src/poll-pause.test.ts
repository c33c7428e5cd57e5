import { expect, test } from 'vitest';
import { pollPause } from './poll-pause';

const now = Date.parse('2024-05-02T12:00:00Z');
const video = (status: 'waiting' | 'preparing', createdMinutesAgo: number) => ({
  status,
  created_at: new Date(now - createdMinutesAgo * 60_000).toISOString(),
});

test('each second at first, then less', () => {
  expect(pollPause(undefined, 0, 0, now)).toBe(1_000);
  expect(pollPause(video('preparing', 1), 59_999, 0, now)).toBe(1_000);
  expect(pollPause(video('preparing', 1), 60_000, 0, now)).toBe(3_000);
});

test('rarely for an upload that was given up', () => {
  expect(pollPause(video('waiting', 5), 0, 0, now)).toBe(1_000);
  expect(pollPause(video('waiting', 11), 0, 0, now)).toBe(15_000);
  expect(pollPause(video('preparing', 11), 0, 0, now)).toBe(1_000);
});

test('less and less often while nothing answers', () => {
  expect(pollPause(undefined, 0, 1, now)).toBe(1_500);
  expect(pollPause(undefined, 0, 2, now)).toBe(3_000);
  expect(pollPause(undefined, 0, 20, now)).toBe(15_000);
});
