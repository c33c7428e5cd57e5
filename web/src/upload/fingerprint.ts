/**
 * Which file it is, by its bytes. A name and a date are not enough: an iPhone gives a file another
 * date each time it is chosen, and a file that was changed may have kept its name and size.
 */

/** So many places of a file are read, from its first byte to its last. */
const SAMPLES = 16;
const SAMPLE_BYTES = 64 * 1024;

/** The file is no longer what it was when it was chosen, or can't be read any more. */
export class FileChangedError extends Error {
  constructor(options?: ErrorOptions) {
    super('The file has changed or can no longer be read. Choose it again.', options);
  }
}

/**
 * The SHA-256 of a file's size and of samples of its bytes: a megabyte at most, since hashing all of
 * a film would take longer than sending it. Another cut or encode of a video differs in its first
 * and last bytes already; the samples in between tell a file that is still being written.
 */
export async function fingerprintOf(file: Blob): Promise<string> {
  let bytes: ArrayBuffer;
  try {
    const samples = sampleOffsets(file.size).map((start) =>
      file.slice(start, start + SAMPLE_BYTES),
    );
    bytes = await new Blob([`${file.size}\n`, ...samples]).arrayBuffer();
  } catch (cause) {
    throw new FileChangedError({ cause });
  }
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Evenly spread; a small file's samples are all of it. */
export function sampleOffsets(size: number): number[] {
  if (size <= SAMPLES * SAMPLE_BYTES) {
    return Array.from({ length: Math.ceil(size / SAMPLE_BYTES) }, (_, n) => n * SAMPLE_BYTES);
  }
  const last = size - SAMPLE_BYTES;
  return Array.from({ length: SAMPLES }, (_, n) => Math.floor((last * n) / (SAMPLES - 1)));
}

/** Whether two files of this moment have the same bytes, as far as can be told. */
export async function isSameFile(one: File, other: File): Promise<boolean> {
  if (one.name !== other.name || one.size !== other.size) return false;
  try {
    return (await fingerprintOf(one)) === (await fingerprintOf(other));
  } catch {
    return false;
  }
}
