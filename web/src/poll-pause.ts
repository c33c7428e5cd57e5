import type { Video } from './schema';

const MINUTE = 60_000;

/** How long to wait before the next look at a video, in ms. */
export function pollPause(
  video: Pick<Video, 'status' | 'created_at'> | undefined,
  watchedMs: number,
  failures: number,
  now: number,
): number {
  if (failures > 0) return Math.min(15_000, 1_500 * 2 ** (failures - 1));
  const age = video ? now - Date.parse(video.created_at) : 0;
  // Most likely given up, so nobody waits for it.
  if (video?.status === 'waiting' && age > 10 * MINUTE) return 15_000;
  return watchedMs < MINUTE ? 1_000 : 3_000;
}
