import type { completeUpload, sign } from '../api';
import type { SignedRequest, SignRequest } from '../schema';
import { videoCreated } from '../videos';
import { abortUpload, type AbortServices } from './abort-upload';
import { backoff, failureOf, type Failure } from './failure';
import { FileChangedError, fingerprintOf } from './fingerprint';
import { hasArrived, requestGrant, type GrantApi } from './grant';
import type { ResumableUpload, ResumeStore } from './resume-store';
import { Slots } from './slots';
import type { Transport, TransportEvents } from './transport';
import type { Grant, Upload } from './upload';

const FILES_AT_ONCE = 3;

/** A signed URL is not used in the last seconds before it expires. */
const EXPIRY_MARGIN_MS = 30_000;

/** A multipart upload that is gone may be complete; its video shows that once the event of S3 has arrived. */
const ARRIVAL_MS = 60_000;
const ARRIVAL_POLL_MS = 3_000;

/** So many refusals in a row are taken for hiccups, such as a signed URL that was used too late. */
const MAX_DOUBTS = 2;

/** What the uploader works with: the real ones come from `manager`, the tests' from `testing`. */
export interface Services extends AbortServices {
  api: GrantApi &
    AbortServices['api'] & { sign: typeof sign; completeUpload: typeof completeUpload };
  resumeStore: Pick<ResumeStore, 'save' | 'remove'>;
  transport: (events: TransportEvents) => Transport;
  /** Keeps other tabs from resuming an upload until the returned function is called. */
  lock: (videoId: string) => () => void;
}

/** Takes files from chosen to stored: which one is sent when, and what happens if that fails. */
export class Uploader {
  readonly #services: Services;
  readonly #transport: Transport;
  readonly #uploads = new Set<Upload>();
  readonly #slots = new Slots(FILES_AT_ONCE);
  readonly #timers = new Map<Upload, ReturnType<typeof setTimeout>>();
  readonly #locks = new Map<Upload, () => void>();

  constructor(services: Services) {
    this.#services = services;
    this.#transport = services.transport({
      prepare: (upload) => this.#prepare(upload),
      sign: (upload, request) => this.#sign(upload, request),
      started: (upload) => upload.enter('sending'),
      progress: (upload, bytes) => upload.sent(bytes),
      succeeded: (upload) => this.#finish(upload),
      failed: (upload, why) => void this.#failed(upload, failureOf(why)),
    });
  }

  /** Starts a file, or resumes one that was interrupted. False if it is already here. */
  add(upload: Upload, interrupted?: ResumableUpload): boolean {
    if (!this.#transport.add(upload)) return false;
    this.#uploads.add(upload);
    if (interrupted) {
      const { uploadId, key, fingerprint } = interrupted;
      this.#accept(upload, { ...interrupted, firstPut: null });
      upload.fingerprint = fingerprint;
      upload.uploadId = uploadId;
      this.#transport.setMultipart(upload, { uploadId, key });
    }
    this.#run(upload);
    return true;
  }

  pause(upload: Upload): void {
    if (!this.#uploads.has(upload) || !upload.canPause) return;
    this.#transport.pause(upload);
    this.#slots.leave(upload);
    upload.enter('paused');
  }

  resume(upload: Upload): void {
    if (!this.#uploads.has(upload) || upload.phase !== 'paused') return;
    this.#slots.force(upload);
    upload.enter('sending');
    this.#transport.resume(upload);
  }

  retry(upload: Upload): void {
    if (!this.#uploads.has(upload)) return;
    if (upload.phase !== 'failed' && upload.phase !== 'retrying') return;
    if (upload.phase === 'failed') upload.attempts = 0;
    this.#stopTimer(upload);
    this.#run(upload);
  }

  /** For a connection that is back: retries now what would be retried later. */
  retryWaiting(): void {
    for (const upload of [...this.#timers.keys()]) this.retry(upload);
  }

  /** Cancels an upload and deletes its video. */
  async cancel(upload: Upload): Promise<void> {
    if (!this.#uploads.has(upload)) return;
    this.detach(upload);
    const { grant, uploadId } = upload;
    if (grant) await abortUpload({ ...grant, uploadId }, this.#services);
  }

  /** Drops an upload from this tab; on the server it stays as it is. */
  detach(upload: Upload): void {
    if (!this.#uploads.has(upload)) return;
    this.#close(upload);
    upload.enter('cancelled');
  }

  #run(upload: Upload): void {
    upload.enter('queued');
    this.#transport.send(upload);
  }

  /** Waits for a free slot, then gets the permission to upload. */
  async #prepare(upload: Upload): Promise<void> {
    await this.#slots.take(upload);
    if (!this.#uploads.has(upload)) return;
    upload.fingerprint ??= await fingerprintOf(upload.file);
    if (!upload.grant || upload.expired) await this.#getGrant(upload);
  }

  async #getGrant(upload: Upload): Promise<void> {
    const grant = await requestGrant(upload, this.#services.api);
    if (!this.#uploads.has(upload)) {
      await abortUpload({ ...grant, uploadId: null }, this.#services);
      return;
    }
    if (upload.grant && upload.grant.key !== grant.key) this.#startOver(upload);
    upload.expired = false;
    this.#accept(upload, grant);
    this.#saveResumable(upload);
    videoCreated.emit(grant.videoId);
  }

  #accept(upload: Upload, grant: Grant): void {
    upload.grant = grant;
    if (!this.#locks.has(upload)) this.#locks.set(upload, this.#services.lock(grant.videoId));
    upload.changed.emit();
  }

  async #sign(upload: Upload, request: SignRequest): Promise<SignedRequest> {
    const { grant } = upload;
    if (!grant) throw new Error('The upload has no permission.');
    const { uploadId } = request;
    if (uploadId && upload.uploadId !== uploadId) {
      // The id of the multipart upload is first seen in the first request for a part.
      upload.uploadId = uploadId;
      this.#saveResumable(upload);
    }
    // Some browsers silently send the new bytes of a changed file. Parts of two files are no video.
    if (uploadId && request.method === 'POST') await mustBeUnchanged(upload);
    const first = grant.firstPut;
    if (first && request.method === 'PUT' && !uploadId) {
      grant.firstPut = null;
      if (Date.parse(first.expiresAt) - EXPIRY_MARGIN_MS > Date.now()) return first;
    }
    return this.#services.api.sign(grant.signUrl, grant.uploadToken, request);
  }

  /** Keeps what it takes to resume after a reload. */
  #saveResumable({ file, fingerprint, grant, uploadId }: Upload): void {
    if (!grant || grant.partSize === null || uploadId === null || fingerprint === null) return;
    const { videoId, key, uploadToken, signUrl, partSize, expiresAt } = grant;
    const { name, size } = file;
    this.#services.resumeStore.save({
      fingerprint,
      name,
      size,
      videoId,
      key,
      uploadToken,
      signUrl,
      partSize,
      uploadId,
      expiresAt,
    });
  }

  async #failed(upload: Upload, failure: Failure): Promise<void> {
    this.#slots.leave(upload);
    if (await this.#isStoredAfterAll(upload, failure)) {
      this.#finish(upload);
      return;
    }
    const { remedy, message } = await mustBeUnchanged(upload).then(() => failure, failureOf);
    if (!this.#uploads.has(upload)) return;
    switch (remedy) {
      case 'wait':
        this.#retryLater(upload, message);
        return;
      case 'restart':
        this.#startOver(upload);
        this.#doubt(upload, message);
        return;
      case 'doubt':
        this.#doubt(upload, message);
        return;
      case 'renew':
        upload.expired = true;
        this.#forget(upload);
        break;
      case 'never':
      case 'ask':
      case 'arrived':
        break;
    }
    upload.retryable = remedy !== 'never';
    upload.enter('failed', message);
  }

  /** A failure may only mean that the answer was lost. */
  async #isStoredAfterAll(upload: Upload, { remedy }: Failure): Promise<boolean> {
    if (remedy === 'arrived') return true;
    if (remedy !== 'doubt' && remedy !== 'restart' && !upload.sentAll) return false;
    const until = remedy === 'restart' && upload.sentAll ? Date.now() + ARRIVAL_MS : 0;
    while (!(await hasArrived(upload, this.#services.api))) {
      if (Date.now() >= until || !this.#uploads.has(upload)) return false;
      await new Promise((done) => setTimeout(done, ARRIVAL_POLL_MS));
    }
    return this.#uploads.has(upload);
  }

  #doubt(upload: Upload, message: string): void {
    upload.retryable = true;
    if (upload.attempts < MAX_DOUBTS) this.#retryLater(upload, message);
    else upload.enter('failed', message);
  }

  #retryLater(upload: Upload, message: string): void {
    upload.retryable = true;
    upload.attempts += 1;
    const timer = setTimeout(() => this.retry(upload), backoff(upload.attempts));
    this.#timers.set(upload, timer);
    upload.enter('retrying', message);
  }

  /** The parts sent so far are gone: the whole file is sent again. */
  #startOver(upload: Upload): void {
    if (!upload.uploadId) return;
    this.#forget(upload);
    upload.uploadId = null;
    upload.sentAll = false;
    this.#transport.setMultipart(upload, null);
  }

  #finish(upload: Upload): void {
    const { grant } = upload;
    if (grant) {
      // Storage says so as well, a moment later: nothing depends on this.
      this.#services.api.completeUpload(grant.videoId, grant.uploadToken).catch(() => undefined);
    }
    this.#forget(upload);
    this.#close(upload);
    upload.sentBytes = upload.file.size;
    upload.enter('sent');
  }

  #close(upload: Upload): void {
    this.#stopTimer(upload);
    this.#uploads.delete(upload);
    this.#locks.get(upload)?.();
    this.#locks.delete(upload);
    this.#transport.remove(upload);
    this.#slots.leave(upload);
  }

  #forget({ grant }: Upload): void {
    if (grant) this.#services.resumeStore.remove(grant.videoId);
  }

  #stopTimer(upload: Upload): void {
    clearTimeout(this.#timers.get(upload));
    this.#timers.delete(upload);
  }
}

/** A file that was changed, moved or unplugged often fails like a lost connection. */
async function mustBeUnchanged({ file, fingerprint }: Upload): Promise<void> {
  const now = await fingerprintOf(file);
  if (fingerprint !== null && now !== fingerprint) throw new FileChangedError();
}
