import { expect, test } from 'vitest';
import { fingerprintOf, forget, remember, remembered, type Remembered } from './remembered';

const now = Date.parse('2024-05-02T12:00:00Z');

function memory(): Pick<Storage, 'getItem' | 'setItem'> {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
  };
}

const entry = (videoId: string, more: Partial<Remembered> = {}): Remembered => ({
  fingerprint: fingerprintOf({ name: 'a.mp4', size: 7, lastModified: 1 }),
  name: 'a.mp4',
  size: 7,
  videoId,
  key: `uploads/${videoId}`,
  uploadToken: 't',
  signUrl: '/sign',
  partSize: 5,
  uploadId: 'u',
  expiresAt: '2024-05-02T13:00:00Z',
  ...more,
});

test('a changed file has another fingerprint', () => {
  const file = { name: 'a.mp4', size: 1, lastModified: 2 };
  expect(fingerprintOf({ ...file })).toBe(fingerprintOf(file));
  for (const change of [{ name: 'a.mp41' }, { size: 12 }, { lastModified: 3 }]) {
    expect(fingerprintOf({ ...file, ...change })).not.toBe(fingerprintOf(file));
  }
});

test('one entry for each upload, until it is forgotten', () => {
  const store = memory();
  remember(entry('1'), now, store);
  remember(entry('2'), now, store);
  remember(entry('1', { uploadId: 'later' }), now, store);
  expect(remembered(now, store).map((kept) => [kept.videoId, kept.uploadId])).toEqual([
    ['2', 'u'],
    ['1', 'later'],
  ]);
  forget('2', now, store);
  expect(remembered(now, store)).toHaveLength(1);
});

test('what is over or unreadable is left out', () => {
  const store = memory();
  remember(entry('1', { expiresAt: '2024-05-02T11:59:59Z' }), now, store);
  expect(remembered(now, store)).toEqual([]);
  store.setItem('reelrun.uploads', '[{"videoId": 1}, null]');
  expect(remembered(now, store)).toEqual([]);
  store.setItem('reelrun.uploads', '{');
  expect(remembered(now, store)).toEqual([]);
});
