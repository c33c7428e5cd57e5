import { getVideo } from './api';
import { pollPause } from './poll-pause';
import { ProblemError } from './problem';
import type { Video } from './schema';
import { isSettled } from './video';

interface Subscriber {
  changed: (video: Video) => void;
  gone: () => void;
}

interface Watched {
  subscribers: Set<Subscriber>;
  since: number;
  timer: ReturnType<typeof setTimeout> | undefined;
  asking: boolean;
  failures: number;
  last: Video | undefined;
}

const watched = new Map<string, Watched>();

/**
 * Tells about every change of a video until it is settled or gone. All who ask for the same video
 * share its requests, and there are none while nobody sees the page.
 */
export function followVideo(id: string, subscriber: Subscriber): () => void {
  let entry = watched.get(id);
  if (!entry) {
    entry = {
      subscribers: new Set(),
      since: Date.now(),
      timer: undefined,
      asking: false,
      failures: 0,
      last: undefined,
    };
    watched.set(id, entry);
  }
  entry.subscribers.add(subscriber);
  if (entry.last) subscriber.changed(entry.last);
  schedule(id, entry, 0);
  return () => {
    entry.subscribers.delete(subscriber);
    if (entry.subscribers.size === 0) stop(id, entry);
  };
}

function schedule(id: string, entry: Watched, delay: number): void {
  clearTimeout(entry.timer);
  if (entry.asking || document.hidden) return;
  entry.timer = setTimeout(() => void ask(id, entry), delay);
}

async function ask(id: string, entry: Watched): Promise<void> {
  entry.asking = true;
  try {
    entry.last = await getVideo(id);
    entry.failures = 0;
    for (const subscriber of [...entry.subscribers]) subscriber.changed(entry.last);
    if (isSettled(entry.last)) stop(id, entry);
  } catch (why) {
    entry.failures += 1;
    if (why instanceof ProblemError && why.status === 404) {
      for (const subscriber of [...entry.subscribers]) subscriber.gone();
      stop(id, entry);
    }
  } finally {
    entry.asking = false;
  }
  if (watched.get(id) !== entry) return;
  const now = Date.now();
  schedule(id, entry, pollPause(entry.last, now - entry.since, entry.failures, now));
}

function stop(id: string, entry: Watched): void {
  clearTimeout(entry.timer);
  if (watched.get(id) === entry) watched.delete(id);
}

document.addEventListener('visibilitychange', () => {
  for (const [id, entry] of watched) schedule(id, entry, 0);
});
