import { describe, expect, test, vi } from 'vitest';
import { fingerprintOf } from './fingerprint';
import {
  DiskFile,
  fakeWorld,
  LARGE,
  networkError,
  reached,
  resumable,
  setUp,
  SMALL,
} from './testing';
import { Upload } from './upload';

const { fetched } = fakeWorld();

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

  test('the server is told that the file is stored; if it does not hear, the file is', async () => {
    const { server, transport, start } = setUp();
    server.completeUpload.mockRejectedValue(networkError());
    const upload = await start();
    expect(server.completeUpload).not.toHaveBeenCalled();
    transport.events.succeeded(upload);
    expect(server.completeUpload.mock.calls).toEqual([['1', 'secret']]);
    await Promise.resolve();
    expect(upload.phase).toBe('sent');
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
