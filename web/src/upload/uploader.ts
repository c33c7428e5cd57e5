import AwsS3, { type AwsBody } from '@uppy/aws-s3';
import Uppy from '@uppy/core';
import { createUpload, getVideo, sign } from '../api';
import { ProblemError } from '../problem';
import type { GrantedUpload, SignedRequest, SignRequest } from '../schema';
import { videoCreated } from '../videos';
import { backoff, failureOf, type Failure } from './failure';
import { hold } from './lock';
import { release } from './release';
import { forget, remember, type Remembered } from './remembered';
import { Slots } from './slots';
import type { Session, Upload } from './upload';

type FileMeta = Record<string, unknown>;

const FILES_AT_ONCE = 3;

/** A signed URL is not used in the last seconds before it expires. */
const SPARE_MS = 30_000;

/** An upload that is gone may be complete: its video shows that once the storage's event has come. */
const ARRIVAL_MS = 60_000;
const LOOK_EVERY_MS = 3_000;

/** So many refusals by the storage are taken for a hiccup, as a signed URL that came too late. */
const DOUBTS = 2;

const silent = { debug: () => {}, warn: () => {}, error: () => {} };

/** Sends files to S3 by Uppy: which one when, with which signature, and what if it fails. */
export class Uploader {
  // Uppy would print what the page shows in words.
  readonly #uppy = new Uppy<FileMeta, AwsBody>({ logger: silent });
  readonly #uploads = new Map<string, Upload>();
  readonly #byKey = new Map<string, Upload>();
  readonly #slots = new Slots(FILES_AT_ONCE);
  readonly #timers = new Map<Upload, ReturnType<typeof setTimeout>>();
  readonly #locks = new Map<Upload, () => void>();

  constructor() {
    this.#uppy.use(AwsS3, {
      // A paused file stays in Uppy's own queue and would keep others out of it: the limit is in
      // the slots, which a paused file leaves.
      limit: 0,
      allowedMetaFields: [],
      shouldUseMultipart: (file) => this.#session(file.id).partSize !== null,
      generateObjectKey: (file) => this.#session(file.id).key,
      getChunkSize: ({ size }) => this.#partSize(size),
      signRequest: (request) => this.#sign(request),
    });
    this.#uppy.addPreProcessor(async (ids) => {
      await Promise.all(ids.map((id) => this.#prepare(id)));
    });
    this.#uppy.on('upload-start', (files) => {
      for (const file of files) this.#uploads.get(file.id)?.enter('sending');
    });
    this.#uppy.on('upload-progress', (file, progress) => {
      if (file) this.#uploads.get(file.id)?.sent(Number(progress.bytesUploaded));
    });
    this.#uppy.on('upload-success', (file) => {
      const upload = file && this.#uploads.get(file.id);
      if (upload) this.#finish(file.id, upload);
    });
    this.#uppy.on('upload-error', (file, why) => {
      const upload = file && this.#uploads.get(file.id);
      if (upload) void this.#failed(file.id, upload, failureOf(why));
    });
    window.addEventListener('online', () => {
      for (const upload of [...this.#timers.keys()]) this.retry(upload);
    });
  }

  /** Starts a file, or goes on with one that a reload interrupted. False if it is already here. */
  add(upload: Upload, interrupted?: Remembered): boolean {
    const { file, contentType } = upload;
    let id: string;
    try {
      id = this.#uppy.addFile({ name: file.name, type: contentType, data: file, meta: {} });
    } catch {
      return false;
    }
    this.#uploads.set(id, upload);
    if (interrupted) {
      const { videoId, key, uploadToken, signUrl, expiresAt, partSize, uploadId } = interrupted;
      this.#open(upload, {
        videoId,
        key,
        uploadToken,
        signUrl,
        expiresAt,
        partSize,
        firstPut: null,
      });
      upload.uploadId = uploadId;
      // With this, Uppy lists the parts that are there and sends the others.
      this.#uppy.setFileState(id, { s3Multipart: { uploadId, key } });
    }
    this.#run(id, upload);
    return true;
  }

  pause(upload: Upload): void {
    const id = this.#idOf(upload);
    if (!id || !upload.canPause) return;
    this.#uppy.pauseResume(id);
    this.#slots.leave(upload);
    upload.enter('paused');
  }

  resume(upload: Upload): void {
    const id = this.#idOf(upload);
    if (!id || upload.phase !== 'paused') return;
    this.#slots.force(upload);
    upload.enter('sending');
    this.#uppy.pauseResume(id);
  }

  retry(upload: Upload): void {
    const id = this.#idOf(upload);
    if (!id || (upload.phase !== 'failed' && upload.phase !== 'retrying')) return;
    if (upload.phase === 'failed') upload.attempts = 0;
    this.#stopTimer(upload);
    this.#run(id, upload);
  }

  async cancel(upload: Upload): Promise<void> {
    const id = this.#idOf(upload);
    if (!id) return;
    const { session, uploadId } = upload;
    this.#close(id, upload);
    upload.enter('cancelled');
    if (session) await release({ ...session, uploadId });
  }

  /** Every attempt of every file is an upload of its own to Uppy, so that none waits for others. */
  #run(id: string, upload: Upload): void {
    upload.enter('queued');
    this.#uppy.retryUpload(id).catch((why: unknown) => {
      if (this.#uploads.has(id)) void this.#failed(id, upload, failureOf(why));
    });
  }

  /** Before Uppy takes a file: waits for its turn, then gets the permission to upload it. */
  async #prepare(id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    if (!upload) return;
    await this.#slots.take(upload);
    if (!this.#uploads.has(id)) return;
    try {
      if (!upload.session || upload.expired) await this.#permit(id, upload);
    } catch (why) {
      const file = this.#uppy.getFile(id);
      if (file) this.#uppy.emit('upload-error', file, why instanceof Error ? why : new Error());
    }
  }

  async #permit(id: string, upload: Upload): Promise<void> {
    const created = await this.#create(upload);
    const session = sessionOf(created);
    if (!this.#uploads.has(id)) {
      await release({ ...session, uploadId: null });
      return;
    }
    if (upload.session && upload.session.key !== session.key) {
      this.#byKey.delete(upload.session.key);
      this.#startOver(id, upload);
    }
    upload.expired = false;
    this.#open(upload, session);
    if (upload.uploadId) this.#remember(upload, session, upload.uploadId);
    videoCreated.emit(session.videoId);
  }

  async #create(upload: Upload): Promise<GrantedUpload> {
    const { file, contentType } = upload;
    const request = { filename: file.name, content_type: contentType, size_bytes: file.size };
    try {
      return await createUpload(request, upload.idempotencyKey);
    } catch (why) {
      if (!(why instanceof ProblemError && why.status === 409)) throw why;
      // Its source is there, as whoever is told of this finds.
      if (await this.#hasArrived(upload)) throw why;
      // The video of the first attempt was deleted meanwhile.
      upload.idempotencyKey = crypto.randomUUID();
      return createUpload(request, upload.idempotencyKey);
    }
  }

  #open(upload: Upload, session: Session): void {
    upload.session = session;
    this.#byKey.set(session.key, upload);
    if (!this.#locks.has(upload)) this.#locks.set(upload, hold(session.videoId));
    upload.changed.emit();
  }

  async #sign(request: SignRequest): Promise<SignedRequest> {
    const upload = this.#byKey.get(request.key);
    const session = upload?.session;
    // Uppy drops the parts of a file that is removed; `cancel` has already done so.
    if (!upload || !session || request.method === 'DELETE') throw new Error('Not under way.');
    if (request.uploadId) this.#note(upload, session, request.uploadId);
    const first = session.firstPut;
    if (first && request.method === 'PUT' && !request.uploadId) {
      session.firstPut = null;
      if (Date.parse(first.expiresAt) - SPARE_MS > Date.now()) return first;
    }
    return sign(session.signUrl, session.uploadToken, request);
  }

  /** The first request for a part tells the id of the multipart upload. */
  #note(upload: Upload, session: Session, uploadId: string): void {
    if (upload.uploadId === uploadId) return;
    upload.uploadId = uploadId;
    this.#remember(upload, session, uploadId);
  }

  /** Kept in case the page is reloaded. */
  #remember(upload: Upload, session: Session, uploadId: string): void {
    if (session.partSize === null) return;
    const { fingerprint, file } = upload;
    const { videoId, key, uploadToken, signUrl, partSize, expiresAt } = session;
    remember({
      fingerprint,
      name: file.name,
      size: file.size,
      videoId,
      key,
      uploadToken,
      signUrl,
      partSize,
      uploadId,
      expiresAt,
    });
  }

  async #failed(id: string, upload: Upload, failure: Failure): Promise<void> {
    this.#slots.leave(upload);
    let { remedy, message } = failure;
    if (remedy === 'arrived') return this.#finish(id, upload);
    const isDoubtful = remedy === 'doubt' || remedy === 'restart';
    if (isDoubtful || upload.sentAll) {
      const until = remedy === 'restart' && upload.sentAll ? Date.now() + ARRIVAL_MS : 0;
      if (await this.#arrives(upload, until)) return this.#finish(id, upload);
    }
    if (isDoubtful) {
      if (remedy === 'restart') this.#startOver(id, upload);
      remedy = upload.attempts < DOUBTS ? 'wait' : 'ask';
    }
    if (remedy === 'renew') {
      message = 'The time for this upload is over. Press Retry to start it again.';
      upload.expired = true;
      forgetUpload(upload);
    }
    if (remedy === 'wait' && !(await isReadable(upload.file))) {
      remedy = 'never';
      message = 'The file was changed or moved. Choose it again.';
    }
    if (!this.#uploads.has(id)) return;
    upload.retryable = remedy !== 'never';
    if (remedy !== 'wait') {
      upload.enter('failed', message);
      return;
    }
    upload.attempts += 1;
    const delay = backoff(upload.attempts);
    this.#timers.set(
      upload,
      setTimeout(() => this.retry(upload), delay),
    );
    upload.enter('retrying', message);
  }

  /** Whether the source is there, or will be until then. */
  async #arrives(upload: Upload, until: number): Promise<boolean> {
    while (!(await this.#hasArrived(upload))) {
      if (Date.now() >= until || upload.phase === 'cancelled') return false;
      await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
    }
    return true;
  }

  async #hasArrived({ session }: Upload): Promise<boolean> {
    if (!session) return false;
    return getVideo(session.videoId).then(
      (video) => video.status !== 'waiting',
      () => false,
    );
  }

  #startOver(id: string, upload: Upload): void {
    if (!upload.uploadId) return;
    forgetUpload(upload);
    upload.uploadId = null;
    upload.sentAll = false;
    if (this.#uppy.getFile(id)) this.#uppy.setFileState(id, { s3Multipart: undefined });
  }

  #finish(id: string, upload: Upload): void {
    forgetUpload(upload);
    upload.sentBytes = upload.file.size;
    upload.enter('sent');
    // Uppy still writes to the state of the file while it tells about the success.
    queueMicrotask(() => this.#close(id, upload));
  }

  #close(id: string, upload: Upload): void {
    this.#stopTimer(upload);
    this.#uploads.delete(id);
    if (upload.session) this.#byKey.delete(upload.session.key);
    this.#locks.get(upload)?.();
    this.#locks.delete(upload);
    this.#uppy.removeFile(id);
    this.#slots.leave(upload);
  }

  #stopTimer(upload: Upload): void {
    clearTimeout(this.#timers.get(upload));
    this.#timers.delete(upload);
  }

  #session(id: string): Session {
    const session = this.#uploads.get(id)?.session;
    if (!session) throw new Error('The upload has no permission.');
    return session;
  }

  /** The server derives the part size from the file's size, so files of one size share it. */
  #partSize(size: number): number {
    for (const { file, session } of this.#uploads.values()) {
      if (file.size === size && session?.partSize) return session.partSize;
    }
    throw new Error('The upload has no part size.');
  }

  #idOf(upload: Upload): string | undefined {
    for (const [id, known] of this.#uploads) if (known === upload) return id;
    return undefined;
  }
}

function sessionOf({ video_id, upload_token, upload }: GrantedUpload): Session {
  const { key, sign_url, expires_at } = upload;
  return {
    videoId: video_id,
    key,
    uploadToken: upload_token,
    signUrl: sign_url,
    expiresAt: expires_at,
    partSize: upload.strategy === 'multipart' ? upload.part_size_bytes : null,
    firstPut:
      upload.strategy === 'single'
        ? { url: upload.url, headers: upload.headers, expiresAt: expires_at }
        : null,
  };
}

function forgetUpload({ session }: Upload): void {
  if (session) forget(session.videoId);
}

/** A file that was changed, moved or unplugged fails like a broken connection. */
async function isReadable(file: File): Promise<boolean> {
  return file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );
}
