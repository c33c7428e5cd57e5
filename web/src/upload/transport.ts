import type { SignedRequest, SignRequest } from '../schema';
import type { Upload } from './upload';

/** What moves the bytes of files to the storage. It knows nothing of permissions, turns and retries. */
export interface Transport {
  /** Takes a file in; nothing is sent yet. False if the same file is here already. */
  add(upload: Upload): boolean;
  /** Sends the file, or what is missing of it. */
  send(upload: Upload): void;
  /** Stops sending until `resume`. Only for uploads in parts. */
  pause(upload: Upload): void;
  resume(upload: Upload): void;
  /** Which multipart upload to go on with; without one, the next `send` begins a new one. */
  setMultipart(upload: Upload, multipart: { uploadId: string; key: string } | null): void;
  /** Lets go of the file. What is under way is broken off. */
  remove(upload: Upload): void;
}

/** What a transport asks and tells. Nothing is told of a file that was removed. */
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
