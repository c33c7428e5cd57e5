import { describe, expect, test, vi } from 'vitest';
import { SignedOutError, UnreachableError, UPLOAD_EXPIRED } from '../problem';
import {
  bytes,
  DiskFile,
  fakeWorld,
  LARGE,
  networkError,
  phasesOf,
  problem,
  reached,
  resumable,
  s3Error,
  setUp,
  SMALL,
} from './testing';
import { Upload } from './upload';

fakeWorld();

const diskFile = (upload: Upload) => upload.file as DiskFile;

describe('a failure', () => {
  test('a lost connection is retried automatically, with growing delays', async () => {
    const { uploader, start, fail } = setUp();
    const upload = await start();
    for (const delay of [1_000, 2_000, 4_000]) {
      await fail(upload, networkError(), 'retrying');
      vi.advanceTimersByTime(delay - 1);
      expect(upload.phase).toBe('retrying');
      vi.advanceTimersByTime(1);
      expect(upload.phase).toBe('queued');
      await reached(upload, 'sending');
    }
    // Progress resets the delay.
    upload.sent(500);
    await fail(upload, networkError(), 'retrying');
    expect(upload.attempts).toBe(1);
    // Once the connection is back, nothing waits.
    uploader.retryWaiting();
    await reached(upload, 'sending');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('all attempts ask for the same video', async () => {
    const { server, uploader } = setUp();
    server.createUpload.mockRejectedValueOnce(new UnreachableError());
    const upload = new Upload(new DiskFile('a.mp4', SMALL), 'video/mp4');
    uploader.add(upload);
    await reached(upload, 'retrying');
    uploader.retry(upload);
    await reached(upload, 'sending');
    const keys = server.createUpload.mock.calls.map(([, key]) => key);
    expect(keys).toEqual([upload.idempotencyKey, upload.idempotencyKey]);
  });

  test('a refused file is not retried', async () => {
    const { server, uploader } = setUp();
    server.createUpload.mockRejectedValueOnce(problem(413));
    const upload = new Upload(new DiskFile('a.mp4', SMALL), 'video/mp4');
    uploader.add(upload);
    await reached(upload, 'failed');
    expect(upload).toMatchObject({ isDead: true, message: 'Error 413.' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('an upload that needs the token can be retried', async () => {
    const { server, uploader } = setUp();
    server.createUpload.mockRejectedValueOnce(new SignedOutError());
    const upload = new Upload(new DiskFile('a.mp4', SMALL), 'video/mp4');
    uploader.add(upload);
    await reached(upload, 'failed');
    expect(upload.isDead).toBe(false);
    uploader.retry(upload);
    await reached(upload, 'sending');
  });

  test('a failed upload frees its slot', async () => {
    const { uploader, start, fail } = setUp();
    const first = await start(SMALL, '1.mp4');
    await start(SMALL, '2.mp4');
    await start(SMALL, '3.mp4');
    const fourth = new Upload(new DiskFile('4.mp4', SMALL), 'video/mp4');
    uploader.add(fourth);
    await fail(first, networkError(), 'retrying');
    await reached(fourth, 'sending');
  });

  test('an expired upload starts again with a new permission', async () => {
    const { server, uploader, transport, resumeStore, startLarge, fail } = setUp();
    const upload = await startLarge();
    await fail(upload, problem(403, UPLOAD_EXPIRED), 'failed');
    expect(upload.message).toContain('Press Retry');
    expect(resumeStore.list()).toEqual([]);
    uploader.retry(upload);
    await reached(upload, 'sending');
    expect(server.createUpload).toHaveBeenCalledTimes(2);
    expect(upload.grant?.videoId).toBe('2');
    // Its parts belong to the old one.
    expect(transport.multiparts.get(upload)).toBe(null);
  });

  test('a video that was deleted meanwhile is created anew', async () => {
    const { server, uploader } = setUp();
    server.createUpload.mockRejectedValueOnce(problem(409));
    const upload = new Upload(new DiskFile('a.mp4', SMALL), 'video/mp4');
    const before = upload.idempotencyKey;
    uploader.add(upload);
    await reached(upload, 'sending');
    expect(server.createUpload.mock.calls[0]?.[1]).toBe(before);
    expect(server.createUpload.mock.calls[1]?.[1]).not.toBe(before);
  });
});

describe('a lost answer', () => {
  test('a file that is stored already counts as sent', async () => {
    const { transport, start } = setUp();
    const upload = await start();
    transport.fail(upload, s3Error(412));
    await reached(upload, 'sent');
  });

  test.each([
    ['a refusal by the storage', s3Error(403)],
    ['a refusal to sign', problem(409)],
  ])('after %s, the server is asked whether it has arrived', async (_, why) => {
    const { server, transport, start } = setUp();
    const upload = await start();
    server.status = 'preparing';
    transport.fail(upload, why);
    await reached(upload, 'sent');
  });

  test('a connection that is lost after the last byte may only have lost the answer', async () => {
    const { server, transport, start } = setUp();
    const upload = await start();
    upload.sent(SMALL.length);
    server.status = 'preparing';
    transport.fail(upload, networkError());
    await reached(upload, 'sent');
  });

  test('a refusal is retried twice, then somebody has to press Retry', async () => {
    const { uploader, start, fail } = setUp();
    const upload = await start();
    for (let doubt = 0; doubt < 2; doubt += 1) {
      await fail(upload, s3Error(403), 'retrying');
      uploader.retry(upload);
      await reached(upload, 'sending');
    }
    await fail(upload, s3Error(403), 'failed');
    expect(upload.isDead).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
    // Who presses it gets as many attempts again.
    uploader.retry(upload);
    await reached(upload, 'sending');
    await fail(upload, s3Error(403), 'retrying');
  });

  test('parts that are gone are sent again', async () => {
    const { transport, resumeStore, startLarge, fail } = setUp();
    const upload = await startLarge();
    await fail(upload, s3Error(404), 'retrying');
    expect(transport.multiparts.get(upload)).toBe(null);
    expect(upload.uploadId).toBe(null);
    expect(resumeStore.list()).toEqual([]);
  });

  test('an upload that is gone after its last byte may arrive a while later', async () => {
    const { server, transport, startLarge } = setUp();
    const upload = await startLarge();
    upload.sent(LARGE.length);
    transport.fail(upload, s3Error(404));
    await vi.advanceTimersByTimeAsync(6_000);
    expect(server.getVideo).toHaveBeenCalledTimes(3);
    server.status = 'preparing';
    await vi.advanceTimersByTimeAsync(3_000);
    expect(upload.phase).toBe('sent');
    expect(transport.multiparts.has(upload)).toBe(false);
  });

  test('or not: after a minute, all of it is sent again', async () => {
    const { uploader, transport, startLarge, fail } = setUp();
    const upload = await startLarge();
    upload.sent(LARGE.length);
    transport.fail(upload, s3Error(404));
    await vi.advanceTimersByTimeAsync(59_000);
    expect(upload.phase).toBe('sending');
    await vi.advanceTimersByTimeAsync(1_000);
    await reached(upload, 'retrying');
    expect(transport.multiparts.get(upload)).toBe(null);
    // It has not been sent again yet, so nothing can arrive.
    uploader.retry(upload);
    await reached(upload, 'sending');
    await fail(upload, s3Error(404), 'retrying');
  });
});

describe('a file that changes while it is sent', () => {
  const says = 'The file has changed or can no longer be read. Choose it again.';

  test('fails once, in words, and is not retried', async () => {
    const { server, transport, startLarge } = setUp();
    const upload = await startLarge();
    const phases = phasesOf(upload);
    diskFile(upload).remove();
    // This is what Chromium reports.
    transport.fail(upload, networkError());
    await reached(upload, 'failed');
    expect(phases).toEqual(['failed']);
    expect(upload).toMatchObject({ message: says, isDead: true });
    expect(vi.getTimerCount()).toBe(0);
    expect(server.createUpload).toHaveBeenCalledOnce();
  });

  test('is not reported as a refusal by S3', async () => {
    const { transport, start } = setUp();
    const upload = await start();
    diskFile(upload).overwrite(bytes(SMALL.length, 2));
    transport.fail(upload, s3Error(400));
    await reached(upload, 'failed');
    expect(upload.message).toBe(says);
  });

  test('never becomes a video of parts of two files', async () => {
    const { server, transport, startLarge } = setUp();
    const upload = await startLarge();
    const complete = { method: 'POST', uploadId: 'multipart' } as const;
    expect(await transport.request(upload, complete)).not.toBeNull();
    server.sign.mockClear();
    // Other browsers silently send the new bytes.
    diskFile(upload).overwrite(bytes(LARGE.length, 2));
    expect(await transport.request(upload, complete)).toBeNull();
    await reached(upload, 'failed');
    expect(upload).toMatchObject({ message: says, isDead: true });
    expect(server.sign).not.toHaveBeenCalled();
  });

  test('or between two visits, never becomes one either', async () => {
    const { uploader, transport } = setUp();
    const upload = new Upload(new DiskFile('a.mp4', LARGE), 'video/mp4');
    uploader.add(upload, resumable({ fingerprint: '00'.repeat(32) }));
    await reached(upload, 'sending');
    const complete = { method: 'POST', uploadId: 'multipart' } as const;
    expect(await transport.request(upload, complete)).toBeNull();
    await reached(upload, 'failed');
    expect(upload.message).toBe(says);
  });

  test('or is gone before needs no permission', async () => {
    const { server, uploader } = setUp();
    const file = new DiskFile('a.mp4', SMALL);
    file.remove();
    const upload = new Upload(file, 'video/mp4');
    uploader.add(upload);
    await reached(upload, 'failed');
    expect(upload.message).toBe(says);
    expect(server.createUpload).not.toHaveBeenCalled();
  });
});
