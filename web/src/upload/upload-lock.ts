/**
 * Which tab runs which upload. Without this, a second tab would offer to resume what the first
 * one is sending right now. The browser lets go of the locks of a tab that is closed or reloaded.
 */

const PREFIX = 'reelrun.upload.';

/** Keeps the upload for this tab until the returned function is called. */
export function lockUpload(videoId: string): () => void {
  let unlock = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    unlock = resolve;
  });
  void navigator.locks?.request(PREFIX + videoId, () => held);
  return unlock;
}

/** The uploads that any tab runs, by their videos. */
export async function lockedUploads(): Promise<Set<string>> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return new Set(held.map((lock) => (lock.name ?? '').slice(PREFIX.length)));
}
