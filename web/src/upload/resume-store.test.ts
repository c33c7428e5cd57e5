import { expect, test } from 'vitest';
import { ResumeStore, type ResumableUpload } from './resume-store';
import { memoryStorage, resumable } from './testing';

const now = Date.parse('2024-05-02T12:00:00Z');

const entry = (videoId: string, more: Partial<ResumableUpload> = {}): ResumableUpload =>
  resumable({ videoId, uploadId: 'u', ...more });

test('one entry for each upload, until it is removed', () => {
  const store = new ResumeStore(memoryStorage(), () => now);
  store.save(entry('1'));
  store.save(entry('2'));
  store.save(entry('1', { uploadId: 'later' }));
  expect(store.list().map((kept) => [kept.videoId, kept.uploadId])).toEqual([
    ['2', 'u'],
    ['1', 'later'],
  ]);
  store.remove('2');
  expect(store.list()).toHaveLength(1);
});

test('what is over, unreadable or of an earlier version is left out', () => {
  const storage = memoryStorage();
  const store = new ResumeStore(storage, () => now);
  store.save(entry('1', { expiresAt: '2024-05-02T11:59:59Z' }));
  expect(store.list()).toEqual([]);
  store.save(entry('2', { fingerprint: '["a.mp4",7,1]' }));
  expect(store.list()).toEqual([]);
  storage.setItem('reelrun.uploads', '[{"videoId": 1}, null]');
  expect(store.list()).toEqual([]);
  storage.setItem('reelrun.uploads', '{');
  expect(store.list()).toEqual([]);
});
