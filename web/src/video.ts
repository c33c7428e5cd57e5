/** A video as the API shows it. */

export type Status = 'waiting' | 'preparing' | 'ready' | 'errored';

export interface Source {
  duration_ms: number;
  width: number;
  height: number;
  frame_rate: number;
  video_codec: string;
  audio_codec: string | null;
  size_bytes: number;
}

export interface Rendition {
  name: string;
  width: number;
  height: number;
  frame_rate: number;
  codecs: string;
  bandwidth_bps: number;
  average_bandwidth_bps: number;
}

export interface Playback {
  type: 'hls' | 'original' | null;
  url: string | null;
  hls: string | null;
  dash: string | null;
  original: string | null;
  poster: string | null;
  storyboard: string | null;
}

export interface Video {
  id: string;
  status: Status;
  /** From 0 to 1. */
  progress: number;
  title: string | null;
  filename: string;
  metadata: Record<string, string>;
  created_at: string;
  ready_at: string | null;
  source: Source | null;
  renditions: Rendition[];
  playback: Playback;
  error: { type: string; title: string; detail: string } | null;
}

export const nameOf = (video: Pick<Video, 'title' | 'filename'>): string =>
  video.title ?? video.filename;

/** Nothing about it changes by itself any more. */
export const isSettled = (video: Pick<Video, 'status'>): boolean =>
  video.status === 'ready' || video.status === 'errored';

export const watchPath = (id: string): string => `/watch/${encodeURIComponent(id)}`;

export const watchUrl = (id: string): string => new URL(watchPath(id), location.origin).href;
