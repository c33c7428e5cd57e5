import { execFileSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  ftruncateSync,
  writeSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';

import type {
  Encryption,
  GrantedTrack,
  GrantedUpload,
  TrackRequest,
  UploadRequest,
  Video,
  Visibility,
} from '../src/schema.js';

/** The stack that the tests were started with. */
export const stack = JSON.parse(readFileSync(process.env.REELRUN_STACK!, 'utf8')) as {
  api_url: string;
  site_url: string;
  cdn_url: string;
  playback_keys: { id: string; secret: string }[];
  api_token: string;
  aws_endpoint_url: string;
  aws_access_key_id: string;
  aws_secret_access_key: string;
  region: string;
  uploads_bucket: string;
  videos_table: string;
};

const folder = join(process.env.REELRUN_PAGE_RESULTS ?? 'test-results', '..', 'page-clips');

/** A generated file, made once: the arguments of ffmpeg, or bytes. */
export function clip(name: string, make: string | Uint8Array, size?: number): string {
  // What is made in another way is another clip, whatever its name.
  const made = createHash('sha256').update(make).update(String(size));
  const own = join(folder, made.digest('hex').slice(0, 12));
  mkdirSync(own, { recursive: true });
  const whole = join(own, name);
  if (existsSync(whole)) return whole;
  // What is left of one that was interrupted has another name.
  const path = join(own, `new-${name}`);
  if (typeof make === 'string') {
    const args = ['-nostdin', '-y', '-v', 'error', ...make.split(/\s+/), path];
    execFileSync(join(process.env.REELRUN_FFMPEG_DIR!, 'ffmpeg'), args);
  } else {
    const file = openSync(path, 'w');
    writeSync(file, make);
    closeSync(file);
  }
  if (size) enlarge(path, size);
  renameSync(path, whole);
  return whole;
}

/** A file that is large and takes no room. */
export function sparse(name: string, size: number): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  const file = openSync(path, 'w');
  ftruncateSync(file, size);
  closeSync(file);
  return path;
}

/** Appends a box that players skip, so that a short clip is a large file. */
function enlarge(path: string, size: number): void {
  const before = statSync(path).size;
  const header = Buffer.alloc(8);
  header.writeUInt32BE(size - before, 0);
  header.write('free', 4);
  const file = openSync(path, 'r+');
  writeSync(file, header, 0, 8, before);
  ftruncateSync(file, size);
  closeSync(file);
}

export const picture = (size: string, seconds: number, rate = 25) =>
  `-f lavfi -i testsrc2=size=${size}:rate=${rate}:duration=${seconds}`;
export const tone = (seconds: number) =>
  `-f lavfi -i sine=frequency=330:sample_rate=48000:duration=${seconds}`;
export const encoded =
  '-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -ac 2 -movflags +faststart';

async function call(method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${stack.api_url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${stack.api_token}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    body: body ? JSON.stringify(body) : undefined,
  });
}

export async function video(id: string): Promise<Video> {
  return (await call('GET', `/videos/${id}`)).json() as Promise<Video>;
}

/** Uploads a file without the page. */
export function upload(
  path: string,
  title?: string,
  visibility?: Visibility,
  encryption?: Encryption,
): Promise<string> {
  const name = path.split('/').pop()!;
  return uploadAs(name, 'video/mp4', readFileSync(path), title, visibility, encryption);
}

/** The same, of any bytes under any name and type. */
export async function uploadAs(
  filename: string,
  contentType: string,
  body: string | Uint8Array,
  title?: string,
  visibility: Visibility = 'public',
  encryption?: Encryption,
): Promise<string> {
  const bytes = Buffer.from(body);
  const request: UploadRequest = {
    filename,
    content_type: contentType,
    size_bytes: bytes.length,
    title,
    visibility,
    encryption,
  };
  const answer = await call('POST', '/uploads', request);
  const { video_id: id, upload } = (await answer.json()) as GrantedUpload;
  if (upload.strategy !== 'single') throw new Error(`${filename} is too large for one request`);
  const { method, url, headers } = upload;
  const put = await fetch(url, { method, headers, body: bytes });
  if (!put.ok) throw new Error(await put.text());
  return id;
}

/** Adds subtitles, captions or chapters to a video, and waits until they are published. */
export async function addTrack(
  id: string,
  track: Omit<TrackRequest, 'filename' | 'size_bytes'>,
  text: string,
): Promise<string> {
  const file = Buffer.from(text);
  const request = { ...track, filename: 'text.vtt', size_bytes: file.length };
  const answer = await call('POST', `/videos/${id}/tracks`, request);
  const granted = (await answer.json()) as GrantedTrack;
  const { method, url, headers } = granted.upload;
  const put = await fetch(url, { method, headers, body: file });
  if (!put.ok) throw new Error(await put.text());
  for (;;) {
    const { tracks } = await video(id);
    const found = tracks.find((one) => one.id === granted.track.id)!;
    if (found.status === 'ready') return found.id;
    if (found.error) throw new Error(found.error);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** A playback token for a private video that expires after so many seconds. */
export function share(id: string, seconds: number): string {
  const key = stack.playback_keys[0]!;
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: id, aud: 'play', exp: Math.floor(Date.now() / 1000) + seconds };
  const text = `${part({ alg: 'HS256', kid: key.id })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', key.secret).update(text).digest('base64url')}`;
}

/** Waits until a video is ready or has failed. */
export async function settled(id: string): Promise<Video> {
  for (;;) {
    const found = await video(id);
    if (found.status === 'ready' || found.status === 'errored') return found;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** Lets the time of an upload be over. */
export function expireUpload(id: string): void {
  const script = `boto3.client("dynamodb").update_item(TableName=sys.argv[1], Key={"id": {"S": sys.argv[2]}},
    UpdateExpression="SET upload_until = :past", ExpressionAttributeValues={":past": {"N": "1"}})`;
  administer(script, stack.videos_table, id);
}

/** Puts an object where sources are, as no upload can. */
export function putObject(key: string, contentType: string, body: string): void {
  const script = `boto3.client("s3").put_object(Bucket=sys.argv[1], Key=sys.argv[2],
    ContentType=sys.argv[3], Body=sys.argv[4].encode())`;
  administer(script, stack.uploads_bucket, key, contentType, body);
}

/** The names of the account's roles. */
export function roles(): string[] {
  const script = `print(*sorted(role["RoleName"] for role in boto3.client("iam").list_roles()["Roles"]))`;
  return administer(script).trim().split(' ');
}

/** Runs Python as an administrator of the stack's emulator. */
function administer(script: string, ...args: string[]): string {
  return execFileSync(
    process.env.REELRUN_PYTHON!,
    ['-c', `import boto3, sys\n${script}`, ...args],
    {
      encoding: 'utf8',
      env: {
        ...process.env,
        AWS_ENDPOINT_URL: stack.aws_endpoint_url,
        AWS_ACCESS_KEY_ID: stack.aws_access_key_id,
        AWS_SECRET_ACCESS_KEY: stack.aws_secret_access_key,
        AWS_DEFAULT_REGION: stack.region,
      },
    },
  );
}
