/** The API as the page calls it. Its types are generated from `functions/lookup/openapi.json`. */

import { loadConfig } from './config';
import { playbackToken } from './playback-token';
import { ProblemError, SignedOutError, UnreachableError } from './problem';
import { dropToken, setToken, signOut, token } from './session';
import type {
  DetailsChange,
  GrantedToken,
  GrantedTrack,
  GrantedUpload,
  Limits,
  SignedRequest,
  SignRequest,
  Status,
  TokenRequest,
  Track,
  TrackChange,
  TrackRequest,
  TrackUpload,
  UploadRequest,
  Video,
  VideoList,
  Visibility,
} from './schema';
import { askForToken } from './ui/token-dialog';

export function createUpload(
  upload: UploadRequest,
  idempotencyKey: string,
): Promise<GrantedUpload> {
  const headers = { 'Idempotency-Key': idempotencyKey };
  return managed('/uploads', { method: 'POST', body: upload, headers }).then(json<GrantedUpload>);
}

/** Has one S3 request of an upload signed, with that upload's own token. */
export function sign(
  signUrl: string,
  uploadToken: string,
  request: SignRequest,
): Promise<SignedRequest> {
  const options = { method: 'POST', body: request, token: uploadToken };
  return call(signUrl, options).then(json<SignedRequest>);
}

/** Says that an upload is complete, with that upload's own token. */
export const completeUpload = (videoId: string, uploadToken: string): Promise<void> =>
  call(`/uploads/${encodeURIComponent(videoId)}/complete`, {
    method: 'POST',
    token: uploadToken,
  }).then(() => undefined);

export function listVideos(query: {
  limit: number;
  cursor: string | null;
  status: Status | null;
}): Promise<VideoList> {
  const search = new URLSearchParams({ limit: String(query.limit) });
  if (query.cursor) search.set('cursor', query.cursor);
  if (query.status) search.set('status', query.status);
  return managed(`/videos?${search}`, {}).then(json<VideoList>);
}

/** As whoever has this page's link, or this tab's token; a public video needs neither. */
export async function getVideo(id: string): Promise<Video> {
  const bearer = playbackToken() ?? token();
  const path = `/videos/${encodeURIComponent(id)}`;
  const answer =
    bearer === null
      ? await call((await lookupUrl()) + path, {})
      : await call(path, { token: bearer });
  return json<Video>(answer);
}

async function lookupUrl(): Promise<string> {
  try {
    return (await loadConfig()).lookupUrl;
  } catch (cause) {
    throw new UnreachableError({ cause });
  }
}

/** A token by which others watch a private video. */
export function createToken(id: string, expiresInS: number): Promise<GrantedToken> {
  const body: TokenRequest = { expires_in_s: expiresInS };
  return managed(`/videos/${encodeURIComponent(id)}/tokens`, { method: 'POST', body }).then(
    json<GrantedToken>,
  );
}

export function renameVideo(id: string, title: string | null): Promise<Video> {
  const body: DetailsChange = { title };
  return managed(`/videos/${encodeURIComponent(id)}`, { method: 'PATCH', body }).then(json<Video>);
}

export function changeVisibility(id: string, visibility: Visibility): Promise<Video> {
  const body: DetailsChange = { visibility };
  return managed(`/videos/${encodeURIComponent(id)}`, { method: 'PATCH', body }).then(json<Video>);
}

/** Adds a text track, and sends its file. */
export async function addTrack(
  id: string,
  track: Omit<TrackRequest, 'filename' | 'size_bytes'>,
  file: File,
): Promise<void> {
  const body: TrackRequest = { ...track, filename: file.name, size_bytes: file.size };
  const path = `/videos/${encodeURIComponent(id)}/tracks`;
  const granted = await managed(path, { method: 'POST', body }).then(json<GrantedTrack>);
  try {
    await send(granted.upload, file);
  } catch (why) {
    // Without its file it would only be in the way of the next try.
    await deleteTrack(id, granted.track.id).catch(() => undefined);
    throw why;
  }
}

async function send({ method, url, headers }: TrackUpload, file: File): Promise<void> {
  let stored: Response;
  try {
    stored = await fetch(url, { method, headers, body: file });
  } catch (cause) {
    throw new UnreachableError({ cause });
  }
  if (!stored.ok) throw await ProblemError.of(stored);
}

export function changeTrack(id: string, track: string, body: TrackChange): Promise<Track> {
  return managed(trackPath(id, track), { method: 'PATCH', body }).then(json<Track>);
}

export const deleteTrack = (id: string, track: string): Promise<void> =>
  managed(trackPath(id, track), { method: 'DELETE' }).then(() => undefined);

const trackPath = (id: string, track: string): string =>
  `/videos/${encodeURIComponent(id)}/tracks/${encodeURIComponent(track)}`;

export const deleteVideo = (id: string): Promise<void> =>
  managed(`/videos/${encodeURIComponent(id)}`, { method: 'DELETE' }).then(() => undefined);

export const getLimits = (): Promise<Limits> => call('/limits', {}).then(json<Limits>);

interface CallOptions {
  method?: string;
  body?: object;
  headers?: Record<string, string>;
  token?: string;
}

/** A call that needs the deployment's token: asks for it where it is missing or wrong. */
async function managed(path: string, options: CallOptions): Promise<Response> {
  let rejected = false;
  for (;;) {
    const current = token() ?? (await signIn(rejected));
    try {
      return await call(path, { ...options, token: current });
    } catch (why) {
      if (!(why instanceof ProblemError && why.status === 401)) throw why;
      rejected = true;
      // Another call may have had a newer one accepted meanwhile.
      if (token() === current) dropToken();
    }
  }
}

let asking: Promise<string> | undefined;

/** However many calls wait for the token, it is asked for once. */
export function signIn(rejected = false): Promise<string> {
  asking ??= askForToken(rejected)
    .then((given) => {
      if (given === null) {
        signOut();
        throw new SignedOutError();
      }
      setToken(given);
      return given;
    })
    .finally(() => {
      asking = undefined;
    });
  return asking;
}

async function call(pathOrUrl: string, options: CallOptions): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  if (options.body) headers['Content-Type'] = 'application/json';
  if (options.token) headers['Authorization'] = `Bearer ${options.token}`;
  const init: RequestInit = { method: options.method ?? 'GET', headers };
  if (options.body) init.body = JSON.stringify(options.body);
  let response: Response;
  try {
    const url = pathOrUrl.startsWith('/') ? (await loadConfig()).apiUrl + pathOrUrl : pathOrUrl;
    response = await fetch(url, init);
  } catch (cause) {
    throw new UnreachableError({ cause });
  }
  if (!response.ok) throw await ProblemError.of(response);
  return response;
}

async function json<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}
