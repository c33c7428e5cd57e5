import { FileChangedError } from './fingerprint';
import { ProblemError, SignedOutError, UnreachableError, UPLOAD_EXPIRED } from '../problem';

/**
 * What to do about a failed upload:
 * - `wait`: the way to the server is broken or the server is busy; try again by itself
 * - `arrived`: it has not failed; an earlier attempt, whose answer was lost, has stored the file
 * - `doubt`: refused in a way that may also mean that the file is already there; look first
 * - `restart`: like `doubt`, but the parts sent so far are gone
 * - `renew`: its permission has expired; a new one is needed
 * - `ask`: somebody has to press a button
 * - `never`: this file can't be uploaded
 */
export type Remedy = 'wait' | 'arrived' | 'doubt' | 'restart' | 'renew' | 'ask' | 'never';

export interface Failure {
  remedy: Remedy;
  message: string;
}

const EXPIRED = 'The upload was not finished in time. Press Retry to start again.';

const isBusy = (status: number): boolean => status === 408 || status === 429 || status >= 500;

export function failureOf(why: unknown): Failure {
  if (why instanceof UnreachableError) {
    return { remedy: 'wait', message: 'The connection was lost.' };
  }
  if (why instanceof ProblemError) {
    const remedy = remedyOf(why);
    return { remedy, message: remedy === 'renew' ? EXPIRED : why.message };
  }
  if (why instanceof FileChangedError) {
    return { remedy: 'never', message: why.message };
  }
  if (why instanceof SignedOutError) {
    return { remedy: 'ask', message: 'Uploading needs the API token. Press Retry to sign in.' };
  }
  // Uppy's errors: told apart by their fields, since their names do not survive minification.
  const { code, status } = (why ?? {}) as { code?: unknown; status?: unknown };
  if (code === 'NETWORK') {
    return { remedy: 'wait', message: 'The connection was lost.' };
  }
  if (typeof status === 'number') {
    if (isBusy(status)) return { remedy: 'wait', message: 'The storage service is busy.' };
    // A file is stored once, and nobody else has its key.
    if (status === 412) return { remedy: 'arrived', message: 'The file is stored.' };
    return {
      remedy: status === 404 ? 'restart' : 'doubt',
      message: `The storage refused the upload (error ${status}). Press Retry to send it again.`,
    };
  }
  const detail = why instanceof Error ? ` (${why.message})` : '';
  return { remedy: 'ask', message: `The upload stopped${detail}. Press Retry to continue.` };
}

function remedyOf({ status, type }: ProblemError): Remedy {
  if (type === UPLOAD_EXPIRED) return 'renew';
  // 409: its source is there, perhaps since an answer was lost.
  if (status === 403 || status === 409) return 'doubt';
  if (status === 413 || status === 415 || status === 422) return 'never';
  return isBusy(status) ? 'wait' : 'ask';
}

/** The delay before the nth automatic attempt, in ms: it doubles up to half a minute. */
export const backoff = (attempt: number): number => Math.min(30_000, 1_000 * 2 ** (attempt - 1));
