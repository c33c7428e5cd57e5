/**
 * Which tab runs which upload. Without this, a second tab would offer to go on with what the first
 * one is sending right now. The browser lets go of the locks of a tab that is closed or reloaded.
 */

const PREFIX = 'reelrun.upload.';

/** Holds the upload for this tab until the returned function is called. */
export function hold(videoId: string): () => void {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  void navigator.locks?.request(PREFIX + videoId, () => held);
  return release;
}

/** The uploads that any tab runs. */
export async function running(): Promise<Set<string>> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return new Set(held.map((lock) => (lock.name ?? '').slice(PREFIX.length)));
}
