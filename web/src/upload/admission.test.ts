import { expect, test } from 'vitest';
import { admit, type Known } from './admission';
import { fingerprintOf } from './fingerprint';
import { bytes, DiskFile, MIB, resumable } from './testing';
import { Upload } from './upload';

const limits = {
  max_upload_bytes: 10 * MIB,
  default_visibility: 'public' as const,
  accepted: [{ extension: 'mp4', content_types: ['video/mp4'] }],
};
const known = (more: Partial<Known> = {}): Known => ({
  limits,
  uploads: [],
  resumable: [],
  ...more,
});

const content = bytes(2 * MIB);
const file = (lastModified = 1) => new DiskFile('a.mp4', content, lastModified);
const interrupted = async () =>
  resumable({ name: 'a.mp4', size: content.length, fingerprint: await fingerprintOf(file()) });

test('an unknown file is new', async () => {
  const other = resumable({ name: 'b.mp4', size: content.length });
  expect(await admit(file(), known({ resumable: [other] }))).toEqual({
    kind: 'new',
    contentType: 'video/mp4',
    hasChanged: false,
  });
});

test('a file of another type is refused', async () => {
  const text = new DiskFile('notes.txt', content);
  expect(await admit(text, known())).toMatchObject({ kind: 'refused' });
});

test('the same bytes resume their upload, whatever their date', async () => {
  const entry = await interrupted();
  // An iPhone gives a file another date each time it is chosen.
  for (const lastModified of [1, 2, 1_700_000_000_000]) {
    expect(await admit(file(lastModified), known({ resumable: [entry] }))).toEqual({
      kind: 'resume',
      contentType: 'video/mp4',
      interrupted: entry,
    });
  }
});

test('of interrupted uploads of one name and size, the one with the same bytes is resumed', async () => {
  const entry = await interrupted();
  const other = { ...entry, videoId: '2', fingerprint: '00'.repeat(32) };
  const admission = await admit(file(), known({ resumable: [other, entry] }));
  expect(admission).toMatchObject({ kind: 'resume', interrupted: { videoId: entry.videoId } });
});

test('other bytes of the same name and size are a new upload', async () => {
  const changed = new DiskFile('a.mp4', bytes(content.length, 2));
  expect(await admit(changed, known({ resumable: [await interrupted()] }))).toMatchObject({
    kind: 'new',
    hasChanged: true,
  });
});

test('a file that is in the list already is refused, whatever its date', async () => {
  const upload = new Upload(file(1), 'video/mp4');
  const again = known({ uploads: [upload] });
  expect(await admit(file(2), again)).toMatchObject({ kind: 'refused' });
  upload.enter('failed', 'The connection was lost.');
  expect(await admit(file(2), again)).toMatchObject({ kind: 'refused' });
  upload.enter('sent');
  expect(await admit(file(2), again)).toMatchObject({ kind: 'new' });
});

test('a file that was unplugged resumes when it is chosen again', async () => {
  const upload = new Upload(file(), 'video/mp4');
  upload.retryable = false;
  upload.enter('failed', 'The file can no longer be read.');
  const entry = await interrupted();
  expect(await admit(file(), known({ uploads: [upload], resumable: [entry] }))).toMatchObject({
    kind: 'resume',
  });
});

test('a file that cannot be read is new: its upload says why it fails', async () => {
  const gone = file();
  gone.remove();
  expect(await admit(gone, known({ resumable: [await interrupted()] }))).toMatchObject({
    kind: 'new',
    hasChanged: false,
  });
});
