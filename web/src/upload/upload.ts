import { Emitter } from '../emitter';
import type { GrantedUpload, Visibility } from '../schema';

export type Phase =
  | 'queued'
  | 'sending'
  | 'paused'
  /** Failed; tries again by itself. */
  | 'retrying'
  /** Failed; waits for somebody. */
  | 'failed'
  | 'sent'
  | 'cancelled';

/** The server's permission to upload one file, and how to. */
export interface Grant {
  videoId: string;
  key: string;
  uploadToken: string;
  signUrl: string;
  expiresAt: string;
  /** None: the file goes in one PUT. */
  partSize: number | null;
  /** The signed PUT that came with the permission. It is used once; later ones are asked for. */
  firstPut: { url: string; headers: Record<string, string>; expiresAt: string } | null;
}

export function grantOf({ video_id, upload_token, upload }: GrantedUpload): Grant {
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

/** One file on its way. */
export class Upload {
  readonly changed = new Emitter<void>();
  /** The same for all attempts, so that the server makes one video of them. */
  idempotencyKey: string = crypto.randomUUID();
  phase: Phase = 'queued';
  /** What the file was when it began to be sent. */
  fingerprint: string | null = null;
  grant: Grant | null = null;
  /** The grant's time is over. */
  expired = false;
  /** S3's name of the multipart upload, once there is one. */
  uploadId: string | null = null;
  sentBytes = 0;
  /** Every byte was sent once, though perhaps no answer came. */
  sentAll = false;
  /** Why it stopped, in the phases `retrying` and `failed`. */
  message = '';
  /** Whether another attempt can help. */
  retryable = true;
  /** Automatic attempts since bytes last moved. */
  attempts = 0;

  constructor(
    readonly file: File,
    readonly contentType: string,
    readonly visibility: Visibility = 'public',
  ) {}

  get isOpen(): boolean {
    return this.phase !== 'sent' && this.phase !== 'cancelled' && this.phase !== 'failed';
  }

  /** It can't be retried; its file has to be chosen again. */
  get isDead(): boolean {
    return this.phase === 'failed' && !this.retryable;
  }

  get canPause(): boolean {
    return this.phase === 'sending' && this.grant?.partSize != null;
  }

  enter(phase: Phase, message = ''): void {
    this.phase = phase;
    this.message = message;
    this.changed.emit();
  }

  sent(bytes: number): void {
    if (bytes > this.sentBytes) this.attempts = 0;
    this.sentBytes = bytes;
    this.sentAll ||= bytes >= this.file.size;
    this.changed.emit();
  }
}
