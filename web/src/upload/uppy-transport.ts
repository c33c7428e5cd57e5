import AwsS3, { type AwsBody } from '@uppy/aws-s3';
import Uppy from '@uppy/core';
import type { SignedRequest, SignRequest } from '../schema';
import type { Transport, TransportEvents } from './transport';
import type { Grant, Upload } from './upload';

type FileMeta = Record<string, unknown>;

const ignore = (): void => undefined;

/** Sends files to S3 with Uppy. */
export class UppyTransport implements Transport {
  // Uppy would print what the page shows in words.
  readonly #uppy = new Uppy<FileMeta, AwsBody>({
    logger: { debug: ignore, warn: ignore, error: ignore },
  });
  readonly #uploads = new Map<string, Upload>();
  readonly #ids = new Map<Upload, string>();

  constructor(readonly events: TransportEvents) {
    this.#uppy.use(AwsS3, {
      // A paused file stays in Uppy's own queue and would keep others out of it: the limit is the
      // uploader's.
      limit: 0,
      allowedMetaFields: [],
      shouldUseMultipart: (file) => this.#grant(file.id).partSize !== null,
      generateObjectKey: (file) => this.#grant(file.id).key,
      getChunkSize: ({ size }) => this.#partSize(size),
      signRequest: (request) => this.#sign(request),
    });
    this.#uppy.addPreProcessor(async (ids) => {
      await Promise.all(ids.map((id) => this.#prepare(id)));
    });
    this.#uppy.on('upload-start', (files) => {
      for (const { id } of files) this.#tell(id, (upload) => events.started(upload));
    });
    this.#uppy.on('upload-progress', (file, { bytesUploaded }) => {
      if (file) this.#tell(file.id, (upload) => events.progress(upload, bytesUploaded));
    });
    // Uppy still writes to the state of a file while it tells how its upload ended.
    this.#uppy.on('upload-success', (file) => {
      if (file) queueMicrotask(() => this.#tell(file.id, (upload) => events.succeeded(upload)));
    });
    this.#uppy.on('upload-error', (file, why) => {
      if (file) queueMicrotask(() => this.#tell(file.id, (upload) => events.failed(upload, why)));
    });
  }

  add(upload: Upload): boolean {
    const { file, contentType } = upload;
    let id: string;
    try {
      id = this.#uppy.addFile({ name: file.name, type: contentType, data: file, meta: {} });
    } catch {
      return false;
    }
    this.#uploads.set(id, upload);
    this.#ids.set(upload, id);
    return true;
  }

  /** Every attempt of every file is an upload of its own to Uppy, so that none waits for others. */
  send(upload: Upload): void {
    this.#withId(upload, (id) => {
      this.#uppy.retryUpload(id).catch((why: unknown) => {
        this.#tell(id, () => this.events.failed(upload, why));
      });
    });
  }

  pause(upload: Upload): void {
    this.#withId(upload, (id) => this.#uppy.pauseResume(id));
  }

  resume(upload: Upload): void {
    this.#withId(upload, (id) => this.#uppy.pauseResume(id));
  }

  /** With one, Uppy lists the parts that are there and sends the others. */
  setMultipart(upload: Upload, multipart: { uploadId: string; key: string } | null): void {
    this.#withId(upload, (id) =>
      this.#uppy.setFileState(id, { s3Multipart: multipart ?? undefined }),
    );
  }

  remove(upload: Upload): void {
    this.#withId(upload, (id) => {
      this.#uploads.delete(id);
      this.#ids.delete(upload);
      this.#uppy.removeFile(id);
    });
  }

  async #prepare(id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    if (!upload) return;
    try {
      await this.events.prepare(upload);
    } catch (why) {
      if (!this.#uploads.has(id)) return;
      // Uppy sends no file that has an error.
      const error = why instanceof Error ? why : new Error(String(why));
      this.#uppy.emit('upload-error', this.#uppy.getFile(id), error);
    }
  }

  async #sign(request: SignRequest): Promise<SignedRequest> {
    const upload = [...this.#uploads.values()].find(({ grant }) => grant?.key === request.key);
    // Uppy aborts the multipart upload of a file that is removed. Whether to is the uploader's decision.
    if (!upload || request.method === 'DELETE') throw new Error('Not under way.');
    return this.events.sign(upload, request);
  }

  #grant(id: string): Grant {
    const grant = this.#uploads.get(id)?.grant;
    if (!grant) throw new Error('The upload has no permission.');
    return grant;
  }

  /** The server derives the part size from the file's size, so files of one size share it. */
  #partSize(size: number): number {
    for (const { file, grant } of this.#uploads.values()) {
      if (file.size === size && grant?.partSize) return grant.partSize;
    }
    throw new Error('The upload has no part size.');
  }

  #tell(id: string, what: (upload: Upload) => void): void {
    const upload = this.#uploads.get(id);
    if (upload) what(upload);
  }

  #withId(upload: Upload, what: (id: string) => void): void {
    const id = this.#ids.get(upload);
    if (id !== undefined) what(id);
  }
}
