import { expect, test } from 'vitest';
import { FileChangedError, fingerprintOf, isSameFile, sampleOffsets } from './fingerprint';
import { bytes, DiskFile, MIB } from './testing';

const SAMPLE = 64 * 1024;

test.each([0, 1, SAMPLE - 1, SAMPLE, SAMPLE + 1, MIB - 1, MIB])(
  'all of %i bytes is read',
  (size) => {
    const offsets = sampleOffsets(size);
    expect(offsets).toEqual(offsets.map((_, n) => n * SAMPLE));
    expect(offsets.length * SAMPLE).toBeGreaterThanOrEqual(size);
    expect((offsets.length - 1) * SAMPLE).toBeLessThan(Math.max(size, 1));
  },
);

test.each([MIB + 1, 300 * MIB, 2 ** 40])(
  'of %i bytes, a MiB from first to last is read',
  (size) => {
    const offsets = sampleOffsets(size);
    expect(offsets).toHaveLength(16);
    expect(offsets[0]).toBe(0);
    expect(offsets.at(-1)).toBe(size - SAMPLE);
    expect(offsets.every(Number.isInteger)).toBe(true);
  },
);

test('a file is told by its bytes, not by its date', async () => {
  const content = bytes(3 * MIB);
  const file = new DiskFile('a.mp4', content, 1);
  expect(await fingerprintOf(file)).toMatch(/^[0-9a-f]{64}$/);
  expect(await isSameFile(file, new DiskFile('a.mp4', content, 2))).toBe(true);
  expect(await isSameFile(file, new DiskFile('b.mp4', content, 1))).toBe(false);
});

test.each([0, 1.5 * MIB, 3 * MIB - 1])('a change at byte %i is seen', async (where) => {
  const content = bytes(3 * MIB);
  const file = new DiskFile('a.mp4', content);
  const changed = content.slice();
  // In the middle, of as much as an editor or a download writes at once.
  changed.fill(0, where, where + MIB / 2);
  expect(await isSameFile(file, new DiskFile('a.mp4', changed))).toBe(false);
});

test('the size counts, even where the bytes say nothing', async () => {
  const zeros = (size: number) => fingerprintOf(new Blob([new Uint8Array(size)]));
  expect(await zeros(2 * MIB)).not.toBe(await zeros(3 * MIB));
});

test('a file that is gone is like no other', async () => {
  const file = new DiskFile('a.mp4', bytes(10));
  file.remove();
  await expect(fingerprintOf(file)).rejects.toThrow(FileChangedError);
  expect(await isSameFile(file, file)).toBe(false);
});
