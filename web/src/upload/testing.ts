/** What the tests put in the place of the browser, the server and Uppy. */

import { afterEach, beforeEach, vi } from 'vitest';
import { ProblemError } from '../problem';
import type { GrantedUpload, SignedRequest, SignRequest, Video } from '../schema';
import { ResumeStore, type ResumableUpload } from './resume-store';
import type { Transport, TransportEvents } from './transport';
import { Upload, type Phase } from './upload';
import { Uploader, type Services } from './uploader';

export const MIB = 1 << 20;

export function memoryStorage(): Pick<Storage, 'getItem' | 'setItem'> {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
  };
}

/** A file whose bytes can change, or go away, after it was chosen. */
export class DiskFile extends File {
  #onDisk: Blob | null;

  constructor(name: string, content: Uint8Array<ArrayBuffer>, lastModified = 1) {
    super([content], name, { lastModified });
    this.#onDisk = new Blob([content]);
  }

  overwrite(content: Uint8Array<ArrayBuffer>): void {
    this.#onDisk = new Blob([content]);
  }

  remove(): void {
    this.#onDisk = null;
  }

  override slice(start?: number, end?: number): Blob {
    if (!this.#onDisk) throw new DOMException('The file is gone.', 'NotReadableError');
    return this.#onDisk.slice(start, end);
  }
}

export function bytes(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(size);
  for (let n = 0; n < size; n += 1) content[n] = n * 31 + (n >> 8) + seed;
  return content;
}

/** Asks for everything as Uppy does, and sends nothing. */
export class FakeTransport implements Transport {
  readonly uploads = new Set<Upload>();
  readonly multiparts = new Map<Upload, string | null>();
  readonly paused = new Set<Upload>();

  constructor(readonly events: TransportEvents) {}

  add(upload: Upload): boolean {
    this.uploads.add(upload);
    return true;
  }

  send(upload: Upload): void {
    this.events.prepare(upload).then(
      () => {
        if (this.uploads.has(upload)) this.events.started(upload);
      },
      (why: unknown) => this.fail(upload, why),
    );
  }

  pause(upload: Upload): void {
    this.paused.add(upload);
  }

  resume(upload: Upload): void {
    this.paused.delete(upload);
  }

  setMultipart(upload: Upload, multipart: { uploadId: string } | null): void {
    this.multiparts.set(upload, multipart?.uploadId ?? null);
  }

  remove(upload: Upload): void {
    this.uploads.delete(upload);
  }

  /** As when a request is about to be sent; a refusal ends the attempt. */
  async request(upload: Upload, request: Omit<SignRequest, 'key'>): Promise<SignedRequest | null> {
    try {
      return await this.events.sign(upload, { key: upload.grant?.key ?? '', ...request });
    } catch (why) {
      this.fail(upload, why);
      return null;
    }
  }

  fail(upload: Upload, why: unknown): void {
    if (this.uploads.has(upload)) this.events.failed(upload, why);
  }
}

/** Uppy's errors. */
export const networkError = (): Error => Object.assign(new Error('S3'), { code: 'NETWORK' });
export const s3Error = (status: number): Error => Object.assign(new Error('S3'), { status });

/** A server that grants uploads: those above 5 MiB in parts. */
export class FakeServer {
  status: Video['status'] = 'waiting';
  grants = 0;
  readonly createUpload = vi.fn<Services['api']['createUpload']>(({ size_bytes: size }) =>
    Promise.resolve(granted(String(++this.grants), size > 5 * MIB)),
  );
  readonly sign = vi.fn<Services['api']['sign']>((_url, _token, { method, partNumber }) =>
    Promise.resolve({ url: `https://s3.test/${method}/${partNumber ?? ''}`, headers: {} }),
  );
  readonly completeUpload = vi.fn<Services['api']['completeUpload']>(() => Promise.resolve());
  readonly deleteVideo = vi.fn<Services['api']['deleteVideo']>(() => Promise.resolve());
  readonly getVideo = vi.fn<Services['api']['getVideo']>(() =>
    Promise.resolve({ status: this.status } as Video),
  );
}

export const problem = (status: number, type = 'about:blank'): ProblemError =>
  new ProblemError(status, type, `Error ${status}.`);

function granted(id: string, inParts: boolean): GrantedUpload {
  const key = `uploads/${id}/source`;
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  const common = { key, sign_url: `/uploads/${id}/sign`, expires_at };
  return {
    video_id: id,
    video_url: `/videos/${id}`,
    upload_token: 'secret',
    upload: inParts
      ? { ...common, strategy: 'multipart', part_size_bytes: 5 * MIB }
      : { ...common, strategy: 'single', method: 'PUT', url: 'https://s3.test/first', headers: {} },
  };
}

export const resumable = (more: Partial<ResumableUpload> = {}): ResumableUpload => ({
  fingerprint: 'ab'.repeat(32),
  name: 'a.mp4',
  size: 7,
  videoId: '1',
  key: 'uploads/1/source',
  uploadToken: 'secret',
  signUrl: '/uploads/1/sign',
  partSize: 5 * MIB,
  uploadId: 'multipart',
  expiresAt: '2024-05-02T13:00:00Z',
  ...more,
});

/** Resolves once an upload is in a phase. */
export function reached(upload: Upload, phase: Phase): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (upload.phase !== phase) return;
      stop();
      resolve();
    };
    const stop = upload.changed.on(look);
    look();
  });
}

/** The phases of an upload from now on. */
export function phasesOf(upload: Upload): Phase[] {
  const phases: Phase[] = [];
  upload.changed.on(() => {
    if (phases.at(-1) !== upload.phase) phases.push(upload.phase);
  });
  return phases;
}

/** Timers that tests move, and storage that answers whatever it is asked. */
export function fakeWorld() {
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
  return { fetched };
}

/** Goes in one PUT. */
export const SMALL = bytes(1000);
/** Goes in parts. */
export const LARGE = bytes(6 * MIB);

/** An uploader with a fake server and transport, and ways to move it along. */
export function setUp() {
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
