import { browserStorage } from '../browser-storage';

/** A multipart upload that was started, with all that it takes to resume it. */
export interface ResumableUpload {
  fingerprint: string;
  name: string;
  size: number;
  videoId: string;
  key: string;
  uploadToken: string;
  signUrl: string;
  partSize: number;
  uploadId: string;
  expiresAt: string;
}

const KEY = 'reelrun.uploads';

/** Multipart uploads, kept so that a reload of the page does not lose what was sent. */
export class ResumeStore {
  constructor(
    readonly storage: Pick<Storage, 'getItem' | 'setItem'> = browserStorage,
    readonly now: () => number = Date.now,
  ) {}

  /** Those that can still be resumed, oldest first. */
  list(): ResumableUpload[] {
    return this.#read().filter((entry) => Date.parse(entry.expiresAt) > this.now());
  }

  save(entry: ResumableUpload): void {
    this.#write([...this.#others(entry.videoId), entry]);
  }

  remove(videoId: string): void {
    this.#write(this.#others(videoId));
  }

  #others(videoId: string): ResumableUpload[] {
    return this.list().filter((entry) => entry.videoId !== videoId);
  }

  #write(entries: ResumableUpload[]): void {
    this.storage.setItem(KEY, JSON.stringify(entries));
  }

  /** What another version of the page wrote, or a hand, is left out rather than trusted. */
  #read(): ResumableUpload[] {
    try {
      const entries: unknown = JSON.parse(this.storage.getItem(KEY) ?? '[]');
      return Array.isArray(entries) ? entries.filter(isResumable) : [];
    } catch {
      return [];
    }
  }
}

const TEXTS = [
  'name',
  'videoId',
  'key',
  'uploadToken',
  'signUrl',
  'uploadId',
  'expiresAt',
] as const;

function isResumable(entry: unknown): entry is ResumableUpload {
  if (typeof entry !== 'object' || entry === null) return false;
  const fields = entry as Record<string, unknown>;
  return (
    TEXTS.every((name) => typeof fields[name] === 'string') &&
    typeof fields['size'] === 'number' &&
    typeof fields['partSize'] === 'number' &&
    // Earlier versions of the page had another kind, which no file would match.
    typeof fields['fingerprint'] === 'string' &&
    /^[0-9a-f]{64}$/.test(fields['fingerprint'])
  );
}
