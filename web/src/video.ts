import type { Video } from './schema';

export const nameOf = (video: Pick<Video, 'title' | 'filename'>): string =>
  video.title ?? video.filename;

/** The shape of its picture; of what has none, that of its poster. */
export const shapeOf = ({ source }: Pick<Video, 'source'>): { width: number; height: number } => ({
  width: source?.width ?? 16,
  height: source?.height ?? 9,
});

/** Nothing about it changes by itself any more. */
export const isSettled = (video: Pick<Video, 'status' | 'pending_visibility'>): boolean =>
  (video.status === 'ready' || video.status === 'errored') && video.pending_visibility === null;

export const watchPath = (id: string): string => `/watch/${encodeURIComponent(id)}`;

export const watchUrl = (id: string): string => new URL(watchPath(id), location.origin).href;
