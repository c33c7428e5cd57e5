import type { SignedRequest, SignRequest } from '../schema';
import type { Upload } from './upload';

/** Moves the bytes of files to S3. Permissions, order and retries are the uploader's. */
export interface Transport {
  /** Takes a file in; nothing is sent yet. False if the same file is here already. */
  add(upload: Upload): boolean;
  /** Sends the file, or what is missing of it. */
  send(upload: Upload): void;
  /** Stops sending until `resume`. Only for uploads in parts. */
  pause(upload: Upload): void;
  resume(upload: Upload): void;
  /** The multipart upload to resume; without one, the next `send` starts a new one. */
  setMultipart(upload: Upload, multipart: { uploadId: string; key: string } | null): void;
  /** Drops the file and aborts its requests. */
  remove(upload: Upload): void;
}

/** What a transport asks and reports. Nothing is reported of a file that was removed. */
export interface TransportEvents {
  /** Before a file is sent: resolves once it may be, with the upload's grant in place. */
  prepare(upload: Upload): Promise<void>;
  sign(upload: Upload, request: SignRequest): Promise<SignedRequest>;
  started(upload: Upload): void;
  progress(upload: Upload, bytes: number): void;
  succeeded(upload: Upload): void;
  /** Also if `prepare` or `sign` failed. */
  failed(upload: Upload, why: unknown): void;
}
