import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SignedOutError, UnreachableError, UPLOAD_EXPIRED } from '../problem';
import { fingerprintOf } from './fingerprint';
import { ResumeStore } from './resume-store';
import {
  bytes,
  DiskFile,
  FakeServer,
  FakeTransport,
  memoryStorage,
  MIB,
  networkError,
  phasesOf,
  problem,
  reached,
  resumable,
  s3Error,
} from './testing';
import { Upload } from './upload';
import { Uploader } from './uploader';

const fetched = vi.fn<typeof fetch>(() => Promise.resolve(new Response()));

beforeEach(() => {
  // Not those that promises and files depend on.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  vi.stubGlobal('fetch', fetched);
  fetched.mockClear();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const SMALL = bytes(1000);
const LARGE = bytes(6 * MIB);

function setUp() {
  const server = new FakeServer();
  const resumeStore = new ResumeStore(memoryStorage());
  const locked = new Set<string>();
  const made: FakeTransport[] = [];
  const uploader = new Uploader({
    api: server,
    resumeStore,
    transport: (events) => {
      const transport = new FakeTransport(events);
      made.push(transport);
      return transport;
    },
    lock: (videoId) => {
      locked.add(videoId);
      return () => locked.delete(videoId);
    },
  });
  const transport = made[0]!;
  const start = async (content = SMALL, name = 'a.mp4') => {
    const upload = new Upload(new DiskFile(name, content), 'video/mp4');
    uploader.add(upload);
    await reached(upload, 'sending');
    return upload;
  };
  /** An upload in parts whose first part is being sent. */
  const startLarge = async () => {
    const upload = await start(LARGE);
    await transport.request(upload, { method: 'PUT', uploadId: 'multipart', partNumber: 1 });
    return upload;
  };
  const fail = async (upload: Upload, why: unknown, phase: 'failed' | 'retrying') => {
    transport.fail(upload, why);
    await reached(upload, phase);
  };
  return { server, resumeStore, locked, transport, uploader, start, startLarge, fail };
}

const diskFile = (upload: Upload) => upload.file as DiskFile;

describe('sending', () => {
  test('a small file goes in one PUT, by the URL that came with the permission', async () => {
    const { server, transport, locked, start } = setUp();
    const upload = await start();
    expect(locked).toEqual(new Set(['1']));
    expect(upload.canPause).toBe(false);
    const put = { method: 'PUT' } as const;
    expect((await transport.request(upload, put))?.url).toBe('https://s3.test/first');
    // That URL is used once.
    expect((await transport.request(upload, put))?.url).toBe('https://s3.test/PUT/');
    transport.events.succeeded(upload);
    expect(upload).toMatchObject({ phase: 'sent', sentBytes: SMALL.length });
    expect(locked).toEqual(new Set());
    expect(transport.uploads).toEqual(new Set());
    expect(server.createUpload).toHaveBeenCalledOnce();
  });

  test('a URL that is about to expire is signed anew', async () => {
    const { transport, start } = setUp();
    const upload = await start();
    vi.setSystemTime(Date.now() + 3_599_000);
    const signed = await transport.request(upload, { method: 'PUT' });
    expect(signed?.url).toBe('https://s3.test/PUT/');
  });

  test('three files are sent at once; a paused one makes room for the next', async () => {
    const { server, uploader, transport, start } = setUp();
    const running = [await start(LARGE, '1.mp4'), await start(LARGE, '2.mp4'), await start()];
    const fourth = new Upload(new DiskFile('4.mp4', SMALL), 'video/mp4');
    const fifth = new Upload(new DiskFile('5.mp4', SMALL), 'video/mp4');
    uploader.add(fourth);
    uploader.add(fifth);
    expect([fourth.phase, fifth.phase]).toEqual(['queued', 'queued']);
    transport.events.succeeded(running[2]!);
    await reached(fourth, 'sending');
    expect(server.createUpload).toHaveBeenCalledTimes(4);
    expect(fifth.phase).toBe('queued');
    uploader.pause(running[0]!);
    await reached(fifth, 'sending');
    // One that is resumed by hand does not wait for a slot.
    uploader.resume(running[0]!);
    expect(running[0]!.phase).toBe('sending');
  });

  test('a multipart upload is paused and resumed', async () => {
    const { uploader, transport, startLarge } = setUp();
    const upload = await startLarge();
    expect(upload.canPause).toBe(true);
    uploader.pause(upload);
    expect(upload.phase).toBe('paused');
    expect(transport.paused).toEqual(new Set([upload]));
    uploader.resume(upload);
    expect(upload.phase).toBe('sending');
    expect(transport.paused).toEqual(new Set());
  });
});

describe('after a reload', () => {
  test('what it takes to resume is kept until the file is stored', async () => {
    const { resumeStore, transport, startLarge } = setUp();
    const upload = await startLarge();
    expect(resumeStore.list()).toMatchObject([
      {
        name: 'a.mp4',
        size: LARGE.length,
        videoId: '1',
        uploadId: 'multipart',
        fingerprint: await fingerprintOf(upload.file),
      },
    ]);
    transport.events.succeeded(upload);
    expect(resumeStore.list()).toEqual([]);
  });

  test('an interrupted upload resumes with its parts and needs no new permission', async () => {
    const { server, uploader, transport, locked } = setUp();
    const file = new DiskFile('a.mp4', LARGE);
    const upload = new Upload(file, 'video/mp4');
    const fingerprint = await fingerprintOf(file);
    uploader.add(upload, resumable({ videoId: '7', key: 'uploads/7/source', fingerprint }));
    await reached(upload, 'sending');
    expect(transport.multiparts.get(upload)).toBe('multipart');
    expect(locked).toEqual(new Set(['7']));
    await transport.request(upload, { method: 'GET', uploadId: 'multipart' });
    expect(server.sign).toHaveBeenCalledWith('/uploads/1/sign', 'secret', {
      method: 'GET',
      key: 'uploads/7/source',
      uploadId: 'multipart',
    });
    expect(server.createUpload).not.toHaveBeenCalled();
  });

  test('an upload that is let go stays on the server', async () => {
    const { server, uploader, resumeStore, locked, startLarge } = setUp();
    const upload = await startLarge();
    uploader.detach(upload);
    expect(upload.phase).toBe('cancelled');
    expect(resumeStore.list()).toHaveLength(1);
    expect(locked).toEqual(new Set());
    expect(server.deleteVideo).not.toHaveBeenCalled();
  });
});

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
    const { transport, startLarge } = setUp();
    const upload = await startLarge();
    upload.sent(LARGE.length);
    transport.fail(upload, s3Error(404));
    await vi.advanceTimersByTimeAsync(59_000);
    expect(upload.phase).toBe('sending');
    await vi.advanceTimersByTimeAsync(1_000);
    await reached(upload, 'retrying');
    expect(transport.multiparts.get(upload)).toBe(null);
  });
});

describe('cancelling', () => {
  test('a queued file is just removed', async () => {
    const { server, uploader, start } = setUp();
    for (const name of ['1.mp4', '2.mp4', '3.mp4']) await start(SMALL, name);
    const fourth = new Upload(new DiskFile('4.mp4', SMALL), 'video/mp4');
    uploader.add(fourth);
    await uploader.cancel(fourth);
    expect(fourth.phase).toBe('cancelled');
    expect(server.createUpload).toHaveBeenCalledTimes(3);
    expect(server.deleteVideo).not.toHaveBeenCalled();
  });

  test('the multipart upload is aborted before the video is deleted', async () => {
    const { server, uploader, resumeStore, startLarge } = setUp();
    const upload = await startLarge();
    await uploader.cancel(upload);
    expect(fetched).toHaveBeenCalledWith('https://s3.test/DELETE/', {
      method: 'DELETE',
      headers: {},
    });
    expect(fetched.mock.invocationCallOrder[0]).toBeLessThan(
      server.deleteVideo.mock.invocationCallOrder[0]!,
    );
    expect(server.deleteVideo).toHaveBeenCalledWith('1');
    expect(resumeStore.list()).toEqual([]);
  });

  test('a permission that comes too late is returned', async () => {
    const { server, uploader } = setUp();
    const upload = new Upload(new DiskFile('a.mp4', SMALL), 'video/mp4');
    const grant = server.createUpload.getMockImplementation()!;
    server.createUpload.mockImplementation(async (...args) => {
      await uploader.cancel(upload);
      expect(server.deleteVideo).not.toHaveBeenCalled();
      return grant(...args);
    });
    const deleted = new Promise<string>((resolve) => {
      server.deleteVideo.mockImplementation((id) => {
        resolve(id);
        return Promise.resolve();
      });
    });
    uploader.add(upload);
    expect(await deleted).toBe('1');
    expect(upload.phase).toBe('cancelled');
  });

  test('an upload that waits to be retried no longer is', async () => {
    const { uploader, start, fail } = setUp();
    const upload = await start();
    await fail(upload, networkError(), 'retrying');
    await uploader.cancel(upload);
    expect(vi.getTimerCount()).toBe(0);
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
