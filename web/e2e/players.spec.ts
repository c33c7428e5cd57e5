import { expect } from '@playwright/test';

import { elsewhere, LIBRARIES, noteIn, type Asked, type Libraries } from './elsewhere.js';
import { inFirefox } from './firefox.js';
import { test } from './page.js';
import { clip, encoded, picture, settled, share, stack, tone, upload } from './stack.js';

// Private videos in players that others have made, on a page of theirs: all that they need is the
// address. And in the page, in two browsers.

const SECONDS = 20;

/** Runs in a page: plays the beginning, seeks, and plays on to the end. */
async function playThrough(seekTo: number): Promise<{ end: number; frames: number }> {
  const video = document.querySelector('video')!;
  const until = (isSo: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (video.error) reject(new Error(video.error.message));
        else if (isSo()) resolve();
        else setTimeout(look, 50);
      };
      look();
    });
  video.muted = true;
  await video.play();
  await until(() => video.currentTime > 0.5);
  video.currentTime = seekTo;
  await until(() => !video.seeking && video.currentTime > seekTo + 0.5);
  video.playbackRate = 4;
  await until(() => video.ended);
  return {
    end: video.currentTime,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
  };
}

/** It was played to its end, and came from below the token's own path, at once and without a detour. */
function expectPlayed(
  { end, frames }: { end: number; frames: number },
  asked: Asked[],
  address: string,
): void {
  expect(end).toBeCloseTo(SECONDS, 0);
  expect(frames).toBeGreaterThan(25);
  const others = asked.filter(
    ({ url, status }) => !url.startsWith(address) || ![200, 206].includes(status),
  );
  expect(others).toEqual([]);
  // Of picture and sound, at least the beginning, and what was sought.
  const segments = new Set(asked.map(({ url }) => url).filter((url) => url.endsWith('.m4s')));
  expect(segments.size).toBeGreaterThanOrEqual(6);
}

const KINDS = ['clear', 'encrypted'] as const;
type Kind = (typeof KINDS)[number];
const ids: Partial<Record<Kind, string>> = {};

test.beforeAll(async () => {
  const source = clip('private.mp4', `${picture('320x180', SECONDS)} ${tone(SECONDS)} ${encoded}`);
  for (const kind of KINDS) {
    const encryption = kind === 'encrypted' ? 'aes-128' : undefined;
    ids[kind] = await upload(source, `For players, ${kind}`, 'private', encryption);
  }
  for (const kind of KINDS) expect((await settled(ids[kind]!)).status).toBe('ready');
});

/** A token for a while, and what all addresses begin with that it opens. */
function shared(kind: Kind): { id: string; token: string; address: string } {
  const id = ids[kind]!;
  const token = share(id, 600);
  return { id, token, address: `${stack.cdn_url}/s/${token}/${id}/` };
}

/** What of a video a page asks for. */
const isMedia = (url: string) => /\/(key|[\w-]+\.(m3u8|mpd|m4s|mp4|jpg|vtt))$/.test(url);

for (const [library, manifest, kind] of [
  ['hls.js', 'master.m3u8', 'clear'],
  ['hls.js', 'master.m3u8', 'encrypted'],
  ['Shaka', 'master.m3u8', 'clear'],
  ['Shaka', 'master.m3u8', 'encrypted'],
  ['Shaka', 'manifest.mpd', 'clear'],
] as const) {
  test(`${library} plays ${manifest} of a private video, ${kind}, on another site`, async ({
    page,
  }) => {
    const { script, load } = LIBRARIES[library];
    const asked = await elsewhere(page, script);
    const { address } = shared(kind);
    await page.evaluate<void, string>(load, address + manifest);
    expectPlayed(await page.evaluate(playThrough, 15), asked, address);
    expect(asked.some(({ url }) => url === `${address}key`)).toBe(kind === 'encrypted');
  });
}

test('the page plays an encrypted video', async ({ page }) => {
  const asked: Asked[] = [];
  page.on('response', noteIn(asked, isMedia));
  const { id, token, address } = shared('encrypted');
  await page.goto(`${stack.site_url}/watch/${id}#token=${token}`);
  await page.waitForSelector('media-player[data-can-play] video');
  expectPlayed(await page.evaluate(playThrough, 15), asked, address);
  await expect(page.getByText('AES-128')).toBeVisible();
});

test.describe('without the key', () => {
  test.use({ expected: [/403/] });

  test('hls.js plays nothing of an encrypted video', async ({ page }) => {
    await elsewhere(page, LIBRARIES['hls.js'].script);
    await page.route('**/key', (route) => route.fulfill({ status: 403 }));
    const { address } = shared('encrypted');
    const failure = await page.evaluate(
      (url) =>
        new Promise<string>((resolve) => {
          const { Hls } = window as unknown as Libraries;
          const policy = { maxTimeToFirstByteMs: 5000, maxLoadTimeMs: 5000 };
          const once = { ...policy, timeoutRetry: null, errorRetry: null };
          const hls = new Hls({ keyLoadPolicy: { default: once } });
          hls.on(Hls.Events.ERROR, (_, { fatal, details }) => {
            if (fatal) resolve(details);
          });
          hls.loadSource(url);
          hls.attachMedia(document.querySelector('video')!);
        }),
      `${address}master.m3u8`,
    );
    expect(failure).toBe('keyLoadError');
    const seen = await page.evaluate(() => document.querySelector('video')!.readyState);
    expect(seen).toBeLessThan(2);
  });
});

test('Firefox plays a private video on the page', async ({}) => {
  await inFirefox(async (page) => {
    const asked: Asked[] = [];
    page.on('response', noteIn(asked, isMedia));
    const { id, token, address } = shared('clear');
    await page.goto(`${stack.site_url}/watch/${id}#token=${token}`);
    await page.waitForSelector('media-player[data-can-play] video');
    expectPlayed(await page.evaluate(playThrough, 15), asked, address);
  });
});
