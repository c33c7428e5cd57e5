import type { Limits } from '../schema';
import { check } from './accept';
import { fingerprintOf, isSameFile } from './fingerprint';
import type { ResumableUpload } from './resume-store';
import type { Upload } from './upload';

/** What becomes of a file that somebody chose. */
export type Admission =
  | { kind: 'refused'; why: string }
  | { kind: 'new'; contentType: string; hasChanged: boolean }
  | { kind: 'resume'; contentType: string; interrupted: ResumableUpload };

export interface Known {
  limits: Limits;
  /** The uploads of this tab. */
  uploads: readonly Upload[];
  /** The interrupted uploads that no tab runs. */
  resumable: readonly ResumableUpload[];
}

/** Decides whether a file is refused, uploaded, or the rest of an interrupted upload. */
export async function admit(file: File, known: Known): Promise<Admission> {
  const checked = check(file, known.limits);
  if ('refused' in checked) return { kind: 'refused', why: checked.refused };
  const { contentType } = checked;
  for (const upload of known.uploads) {
    const isHere = upload.phase !== 'sent' && upload.phase !== 'cancelled' && !upload.isDead;
    if (isHere && (await isSameFile(file, upload.file))) {
      return { kind: 'refused', why: 'It is already in the list of uploads.' };
    }
  }
  const namesakes = known.resumable.filter(
    ({ name, size }) => name === file.name && size === file.size,
  );
  if (namesakes.length === 0) return { kind: 'new', contentType, hasChanged: false };
  // If it can't be read, its upload fails and says so.
  const fingerprint = await fingerprintOf(file).catch(() => null);
  const interrupted = namesakes.find((entry) => entry.fingerprint === fingerprint);
  return interrupted
    ? { kind: 'resume', contentType, interrupted }
    : { kind: 'new', contentType, hasChanged: fingerprint !== null };
}
