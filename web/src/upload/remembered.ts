/** Multipart uploads under way, kept so that a reload of the page does not lose what was sent. */

import { browserStorage } from '../browser-storage';

export interface Remembered {
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

type Store = Pick<Storage, 'getItem' | 'setItem'>;

const KEY = 'reelrun.uploads';

/** The same for a file that is chosen again after a reload, another one once it is changed. */
export const fingerprintOf = (file: Pick<File, 'name' | 'size' | 'lastModified'>): string =>
  JSON.stringify([file.name, file.size, file.lastModified]);

/** Those that can still go on. */
export function remembered(now = Date.now(), store: Store = browserStorage): Remembered[] {
  return read(store).filter((entry) => Date.parse(entry.expiresAt) > now);
}

export function remember(entry: Remembered, now = Date.now(), store: Store = browserStorage): void {
  const others = remembered(now, store).filter((other) => other.videoId !== entry.videoId);
  store.setItem(KEY, JSON.stringify([...others, entry]));
}

export function forget(videoId: string, now = Date.now(), store: Store = browserStorage): void {
  const others = remembered(now, store).filter((entry) => entry.videoId !== videoId);
  store.setItem(KEY, JSON.stringify(others));
}

/** What another version of the page wrote, or a hand, is left out rather than trusted. */
function read(store: Store): Remembered[] {
  try {
    const entries: unknown = JSON.parse(store.getItem(KEY) ?? '[]');
    return Array.isArray(entries) ? entries.filter(isRemembered) : [];
  } catch {
    return [];
  }
}

const TEXTS = [
  'fingerprint',
  'name',
  'videoId',
  'key',
  'uploadToken',
  'signUrl',
  'uploadId',
  'expiresAt',
] as const;

function isRemembered(entry: unknown): entry is Remembered {
  if (typeof entry !== 'object' || entry === null) return false;
  const fields = entry as Record<string, unknown>;
  return (
    TEXTS.every((name) => typeof fields[name] === 'string') &&
    typeof fields['size'] === 'number' &&
    typeof fields['partSize'] === 'number'
  );
}
